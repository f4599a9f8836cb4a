// A client with net/http, for the peer stories: `client CASE BASE HOST…` prints one line of JSON a response.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

var body = bytes.Repeat([]byte("branchline"), 20_000)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func send(host, method, url string, body io.Reader) *http.Response {
	request, err := http.NewRequest(method, url, body)
	check(err)
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	check(err)
	return response
}

func show(response *http.Response) {
	content, err := io.ReadAll(response.Body)
	check(err)
	check(response.Body.Close())
	sum := sha256.Sum256(content)
	line, err := json.Marshal(map[string]any{
		"status": response.StatusCode, "bytes": len(content), "sha256": hex.EncodeToString(sum[:]),
	})
	check(err)
	fmt.Println(string(line))
}

func main() {
	http.DefaultTransport.(*http.Transport).Proxy = nil
	base := os.Args[2]
	for _, host := range os.Args[3:] {
		switch os.Args[1] {
		case "get", "reuse":
			show(send(host, "GET", base+"/", nil))
		case "post":
			show(send(host, "POST", base+"/", bytes.NewReader(body)))
		case "chunked":
			// A reader whose length net/http cannot know.
			show(send(host, "POST", base+"/", io.MultiReader(bytes.NewReader(body))))
		case "refuse":
			show(send(host, "POST", base+"/refuse", bytes.NewReader(body[:1_000])))
		case "large":
			show(send(host, "GET", base+"/large?bytes=8000000", nil))
		case "leave":
			response := send(host, "GET", base+"/large?bytes=80000000", nil)
			_, err := io.CopyN(io.Discard, response.Body, 10_000)
			check(err)
			check(response.Body.Close())
			show(send(host, "GET", base+"/", nil))
		}
	}
}
