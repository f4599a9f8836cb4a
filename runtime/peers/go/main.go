// A gRPC server and client with grpc-go, for tests. Messages are bytes without a schema.
//
//	peer serve                            prints its port
//	peer big ADDRESS BYTES                one response of this many bytes
//	peer chat ADDRESS COUNT RATE          one stream with COUNT messages in each direction, RATE per second
//	peer deadlines ADDRESS COUNT RATE MS  COUNT calls without a response, RATE per second, each with a deadline
//
// Each client prints one line of JSON. PEER_AUTHORITY is the authority of its calls, if it is not the address.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// bytesCodec passes messages unchanged.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte{}, data...)
	return nil
}
func (bytesCodec) Name() string { return "bytes" }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := grpc.NewServer(grpc.ForceServerCodec(bytesCodec{}), grpc.UnknownServiceHandler(handle))
	// The process ends with its standard input.
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	check(server.Serve(listener))
}

func handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var message []byte
	for {
		if err := stream.RecvMsg(&message); err != nil {
			return nil
		}
		switch method {
		case "/peer.Peer/Big":
			response := make([]byte, number(string(message)))
			return stream.SendMsg(&response)
		case "/peer.Peer/Chat":
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		default:
			<-stream.Context().Done()
			return stream.Context().Err()
		}
	}
}

func big(client *grpc.ClientConn, size string) map[string]any {
	request, response := []byte(size), []byte{}
	err := client.Invoke(context.Background(), "/peer.Peer/Big", &request, &response)
	return map[string]any{"bytes": len(response), "code": status.Code(err).String()}
}

func chat(client *grpc.ClientConn, count, rate int) map[string]any {
	streams := grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := client.NewStream(context.Background(), &streams, "/peer.Peer/Chat")
	check(err)
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	message := []byte("hello")
	messages := 0
	for ; messages < count; messages++ {
		<-ticker.C
		if err = stream.SendMsg(&message); err != nil {
			break
		}
		if err = stream.RecvMsg(&message); err != nil {
			break
		}
	}
	return map[string]any{"messages": messages, "code": status.Code(err).String()}
}

func deadlines(client *grpc.ClientConn, count, rate int, timeout time.Duration) map[string]any {
	codes := map[string]int{}
	var lock sync.Mutex
	var running sync.WaitGroup
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	for range count {
		<-ticker.C
		running.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			request, response := []byte{}, []byte{}
			err := client.Invoke(ctx, "/peer.Peer/Slow", &request, &response)
			lock.Lock()
			codes[status.Code(err).String()]++
			lock.Unlock()
		})
	}
	running.Wait()
	return map[string]any{"codes": codes}
}

func main() {
	if os.Args[1] == "serve" {
		serve()
		return
	}
	authority := os.Getenv("PEER_AUTHORITY")
	if authority == "" {
		authority = os.Args[2]
	}
	client, err := grpc.NewClient("passthrough:///"+os.Args[2],
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(authority),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{}), grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	check(err)
	var result map[string]any
	switch arguments := os.Args[3:]; os.Args[1] {
	case "big":
		result = big(client, arguments[0])
	case "chat":
		result = chat(client, number(arguments[0]), number(arguments[1]))
	case "deadlines":
		timeout := time.Duration(number(arguments[2])) * time.Millisecond
		result = deadlines(client, number(arguments[0]), number(arguments[1]), timeout)
	}
	check(json.NewEncoder(os.Stdout).Encode(result))
}
