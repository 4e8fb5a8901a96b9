// Command webload is a small web server and its load, for soak-engine.sh: static, so that it runs
// in any image.
//
//	webload serve ADDRESS
//	webload get URL REQUESTS WORKERS
//
// get ends with status 1 if a single request did not bring the expected answer.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

const answer = "hello from the container\n"

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		if err := serve(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "webload:", err)
			os.Exit(1)
		}

	case len(os.Args) == 5 && os.Args[1] == "get":
		requests, err := strconv.Atoi(os.Args[3])
		workers, err2 := strconv.Atoi(os.Args[4])
		if err != nil || err2 != nil || workers < 1 {
			fmt.Fprintln(os.Stderr, "webload: REQUESTS and WORKERS are numbers")
			os.Exit(2)
		}
		if failed := get(os.Args[2], requests, workers); failed > 0 {
			fmt.Printf("%d of %d requests failed\n", failed, requests)
			os.Exit(1)
		}
		fmt.Printf("%d requests, no error\n", requests)
	default:
		fmt.Fprintln(os.Stderr, "usage: webload serve ADDRESS | webload get URL REQUESTS WORKERS")
		os.Exit(2)
	}
}

func serve(address string) error {
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer) // the client has gone: its error to count
	}))
}

// get sends the requests over kept connections, some of them closed on purpose, and counts the
// failures.
func get(url string, requests, workers int) (failed int) {
	work := make(chan int)
	var mutex sync.Mutex
	var group sync.WaitGroup

	for w := 0; w < workers; w++ {
		group.Add(1)
		client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
		go func() {
			defer group.Done()
			for n := range work {
				if err := getOne(client, url, n%100 == 0); err != nil {
					mutex.Lock()
					failed++
					if failed == 1 {
						fmt.Fprintln(os.Stderr, "webload:", err)
					}
					mutex.Unlock()
				}
			}
		}()
	}

	for n := 0; n < requests; n++ {
		work <- n
	}

	close(work)
	group.Wait()
	return failed
}

func getOne(client *http.Client, url string, closing bool) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}

	request.Close = closing
	response, err := client.Do(request)
	if err != nil {
		return err
	}

	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || string(body) != answer {
		return fmt.Errorf("%s: %s: %q", url, response.Status, body)
	}

	return nil
}
