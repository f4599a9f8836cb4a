// The entry of the notes application: renders a page from what api and greeter respond.
package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

var client = &http.Client{Timeout: 5 * time.Second}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<title>Notes</title>
<h1>{{.Greeting}}</h1>
<form method="post" action="/notes"><input name="text" aria-label="Text of a note"><button>Add</button></form>
<ul>{{range .Notes}}<li>{{.}}</li>{{end}}</ul>
`))

// The headers that carry the key of a branch. Without them, a request leaves its branch here.
var forwarded = []string{"tracestate", "baggage", "traceparent"}

func call(incoming *http.Request, method, url string, body io.Reader) (*http.Response, error) {
	outgoing, err := http.NewRequestWithContext(incoming.Context(), method, url, body)
	if err != nil {
		return nil, err
	}
	for _, name := range forwarded {
		if value := incoming.Header.Get(name); value != "" {
			outgoing.Header.Set(name, value)
		}
	}
	outgoing.Header.Set("Content-Type", incoming.Header.Get("Content-Type"))
	return client.Do(outgoing)
}

func read(incoming *http.Request, url string, into any) error {
	response, err := call(incoming, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responded with %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func show(w http.ResponseWriter, r *http.Request) {
	var content struct {
		Greeting string
		Notes    []string
	}
	if err := read(r, os.Getenv("GREETER_URL")+"/greeting", &content.Greeting); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if err := read(r, os.Getenv("API_URL")+"/notes", &content.Notes); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if err := page.Execute(w, content); err != nil {
		log.Print(err)
	}
}

func add(w http.ResponseWriter, r *http.Request) {
	response, err := call(r, http.MethodPost, os.Getenv("API_URL")+"/notes", r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	response.Body.Close()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func main() {
	http.HandleFunc("GET /{$}", show)
	http.HandleFunc("POST /notes", add)
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	log.Println("web listens on :80")
	log.Fatal(http.ListenAndServe(":80", nil))
}
