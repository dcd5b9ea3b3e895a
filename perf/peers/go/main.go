// SPDX-License-Identifier: MIT
// What do the same questions cost with goroutines and channels? `peers QUESTION CASE` answers each line `N` on its
// standard input with a line `NANOSECONDS CHECKSUM`. `peers --list` prints the cases, and the factor by which they get
// fewer items.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// With one processor, all goroutines share a thread, like the streams that they are compared with.
func oneThread(work func(int64) int64) func(int64) int64 {
	return func(n int64) int64 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		return work(n)
	}
}

func source(from, to int64) chan int64 {
	out := make(chan int64, 64)
	go func() {
		for i := from; i < to; i++ {
			out <- i
		}
		close(out)
	}()
	return out
}

func stage(in chan int64, each func(int64) (int64, bool)) chan int64 {
	out := make(chan int64, 64)
	go func() {
		for x := range in {
			if y, keep := each(x); keep {
				out <- y
			}
		}
		close(out)
	}()
	return out
}

func sum(in chan int64) int64 {
	total := int64(0)
	for x := range in {
		total += x
	}
	return total
}

func fused(n int64) int64 {
	tripled := stage(source(0, n), func(x int64) (int64, bool) { return 3 * x, true })
	odd := stage(tripled, func(x int64) (int64, bool) { return x, x&1 != 0 })
	return sum(stage(odd, func(x int64) (int64, bool) { return x + 1, true }))
}

func same(x int64) (int64, bool) { return x, true }

func stages(n int64) int64 {
	return sum(stage(stage(stage(source(0, n), same), same), same))
}

func merge(n int64) int64 {
	out := make(chan int64, 64)
	var running sync.WaitGroup
	for which := int64(0); which < 8; which++ {
		running.Add(1)
		go func(from, to int64) {
			for i := from; i < to; i++ {
				out <- i
			}
			running.Done()
		}(which*(n/8), (which+1)*(n/8))
	}
	go func() {
		running.Wait()
		close(out)
	}()
	return sum(out)
}

func mapAsync(n int64) int64 {
	out := make(chan int64, 64)
	slots := make(chan struct{}, 64)
	go func() {
		var running sync.WaitGroup
		for i := int64(0); i < n; i++ {
			slots <- struct{}{}
			running.Add(1)
			go func(x int64) {
				runtime.Gosched()
				out <- x
				<-slots
				running.Done()
			}(i)
		}
		running.Wait()
		close(out)
	}()
	return sum(out)
}

func spawn(n int64) int64 {
	total := int64(0)
	for i := int64(0); i < n; i++ {
		done := make(chan int64)
		go func(x int64) { done <- x }(i)
		total += <-done
	}
	return total
}

func yield(n int64) int64 {
	total := int64(0)
	for i := int64(0); i < n; i++ {
		runtime.Gosched()
		total += i
	}
	return total
}

func channel(n int64) int64 { return sum(source(0, n)) }

// The answer is in bytes instead of nanoseconds, from a new process.
func residentBytes() int64 {
	statm, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func waiting(n int64) int64 {
	before := residentBytes()
	never := make(chan int64)
	for i := int64(0); i < n; i++ {
		go func() { <-never }()
	}
	runtime.Gosched()
	fmt.Println(residentBytes()-before, n)
	os.Exit(0)
	return 0
}

func span(i int64) int64 { return 10_000_000_000 + (i*2_654_435_761&0xffff_ffff)*14 }

func timers(n int64) int64 {
	all := make([]*time.Timer, n)
	for i := range all {
		all[i] = time.AfterFunc(time.Duration(span(int64(i))), func() {})
	}
	left := int64(0)
	for i, t := range all {
		if i%10 == 0 || !t.Stop() {
			left += span(int64(i))
		}
	}
	for i := 0; i < len(all); i += 10 {
		all[i].Stop() // the timers of the next round are new
	}
	return left
}

// Chunks of at most a hundred items, or of the items of a second.
func chunked(n int64) int64 {
	in := source(0, n)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	total := int64(0)
	chunk := make([]int64, 0, 100)
	flush := func() {
		for _, x := range chunk {
			total += x + 1
		}
		chunk = make([]int64, 0, 100)
	}
	for {
		select {
		case x, more := <-in:
			if !more {
				flush()
				return total
			}
			chunk = append(chunk, x)
			if len(chunk) == 100 {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

type answer struct {
	question, name string
	scale          int
	run            func(int64) int64
}

var cases = []answer{
	{"fused", "Go channels", 100, oneThread(fused)},
	{"generator", "Go channel", 10, oneThread(channel)},
	{"stages", "Go channels", 10, oneThread(stages)},
	{"merge", "Go channel", 10, oneThread(merge)},
	{"map_async", "Go goroutines", 10, oneThread(mapAsync)},
	{"spawn", "Go", 10, oneThread(spawn)},
	{"yield", "Go", 10, oneThread(yield)},
	{"memory", "Go goroutine", 1, waiting},
	{"timers", "Go AfterFunc", 1, oneThread(timers)},
	{"timed", "Go ticker, chunks of 100", 10, oneThread(chunked)},
	{"channel", "Go", 10, oneThread(channel)},
	{"channel_threads", "Go", 10, channel},
	{"hop", "Go channel(64)", 10, channel},
	{"offload", "Go goroutine a question", 1, spawn},
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--list" {
		for _, c := range cases {
			fmt.Printf("%s\t%s\t%d\n", c.question, c.name, c.scale)
		}
		return
	}
	for _, c := range cases {
		if len(os.Args) != 3 || c.question != os.Args[1] || c.name != os.Args[2] {
			continue
		}
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			n, _ := strconv.ParseInt(lines.Text(), 10, 64)
			began := time.Now()
			checksum := c.run(n)
			fmt.Println(time.Since(began).Nanoseconds(), checksum)
		}
		return
	}
	fmt.Fprintln(os.Stderr, "usage: peers QUESTION CASE, or --list")
	os.Exit(2)
}
