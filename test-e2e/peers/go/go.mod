module branchline.dev/test-e2e/peers

go 1.21
