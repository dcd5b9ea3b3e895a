// SPDX-License-Identifier: MIT
// Drives libcurl, which has sockets and timers of its own, by weir's executor: many transfers on one thread, and each
// one an operation that can be awaited, limited in time and dropped.
//
//     curl_multi URL...
//
// Without arguments it shows the same with a server of its own.

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include <weir/weir.hpp>

using namespace std::chrono_literals;

namespace {

/// What libcurl asks its user to wait for: descriptors, and one point in time.
class curl {
public:
    struct response {
        long status = 0;
        std::string body;
    };

    explicit curl(weir::executor& ex) : ex_{ex}, multi_{curl_multi_init()} {
        if (multi_ == nullptr) throw std::runtime_error{"curl_multi_init failed"};
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(
            multi_, CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t fd, int what, void* self, void*) {
                static_cast<curl*>(self)->watch(fd, what);
                return 0;
            });
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
        curl_multi_setopt(
            multi_, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long ms, void* self) {
                static_cast<curl*>(self)->set_timer(ms);
                return 0;
            });
    }
    curl(const curl&) = delete;
    curl& operator=(const curl&) = delete;
    ~curl() { curl_multi_cleanup(multi_); }

    /// Fetches a page. Dropping the task ends the transfer.
    weir::task<response> get(std::string url) {
        transfer one{*this, url};
        co_await one.ended.wait();
        if (one.result != CURLE_OK) throw std::runtime_error{url + ": " + curl_easy_strerror(one.result)};
        curl_easy_getinfo(one.easy, CURLINFO_RESPONSE_CODE, &one.answer.status);
        co_return std::move(one.answer);
    }

private:
    struct transfer {
        transfer(curl& of, const std::string& url) : owner{of}, easy{curl_easy_init()} {
            if (easy == nullptr) throw std::runtime_error{"curl_easy_init failed"};
            curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
            curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
            curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
            curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer.body);
            curl_easy_setopt(
                easy, CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t, std::size_t n, void* body) {
                    static_cast<std::string*>(body)->append(data, n);
                    return n;
                });
            curl_multi_add_handle(owner.multi_, easy); // sets the timer
        }
        transfer(const transfer&) = delete;
        transfer& operator=(const transfer&) = delete;
        ~transfer() {
            curl_multi_remove_handle(owner.multi_, easy);
            curl_easy_cleanup(easy);
        }

        curl& owner;
        CURL* easy;
        response answer;
        CURLcode result = CURLE_OK;
        weir::event ended;
    };

    using waiting = std::optional<weir::join_handle<weir::task<>>>;
    struct watched {
        waiting reads;
        waiting writes;
    };

    /// libcurl calls this when it wants to hear of something else, and before it closes a socket. The tasks that wait
    /// are dropped, even if one of them has called libcurl.
    void watch(curl_socket_t fd, int what) {
        watched& tasks = sockets_[fd];
        tasks = {};
        if (what == CURL_POLL_REMOVE) {
            sockets_.erase(fd);
            return;
        }
        if ((what & CURL_POLL_IN) != 0) tasks.reads.emplace(ex_.spawn(tell_when_readable(fd)));
        if ((what & CURL_POLL_OUT) != 0) tasks.writes.emplace(ex_.spawn(tell_when_writable(fd)));
    }
    weir::task<> tell_when_readable(curl_socket_t fd) {
        for (;;) {
            co_await weir::readable(fd);
            act(fd, CURL_CSELECT_IN);
        }
    }
    weir::task<> tell_when_writable(curl_socket_t fd) {
        for (;;) {
            co_await weir::writable(fd);
            act(fd, CURL_CSELECT_OUT);
        }
    }

    void set_timer(long ms) {
        timer_.reset();
        if (ms >= 0) timer_.emplace(ex_.spawn(tell_after(std::chrono::milliseconds{ms})));
    }
    weir::task<> tell_after(std::chrono::milliseconds d) {
        co_await weir::sleep_for(d);
        act(CURL_SOCKET_TIMEOUT, 0);
    }

    void act(curl_socket_t fd, int events) {
        int running = 0;
        curl_multi_socket_action(multi_, fd, events, &running);
        int left = 0;
        while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            transfer* ended = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &ended);
            ended->result = message->data.result;
            ended->ended.set();
        }
    }

    weir::executor& ex_;
    CURLM* multi_;
    std::map<curl_socket_t, watched> sockets_;
    waiting timer_;
};

/// Answers /N with N bytes, after 50 ms.
weir::task<> answer(weir::tcp_stream client) {
    std::array<char, 4096> block{};
    const std::size_t size = co_await client.read(block);
    const std::string_view number = std::string_view{block.data(), size}.substr(std::string_view{"GET /"}.size());
    std::size_t n = 0;
    std::from_chars(number.data(), number.data() + number.size(), n);
    co_await weir::sleep_for(50ms);
    const std::string head =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(n) + "\r\n\r\n";
    const std::string body(n, 'x');
    co_await client.write(head);
    co_await client.write(body);
}

weir::task<> fetch(std::vector<std::string> urls) {
    weir::executor& ex = *co_await weir::this_executor();
    curl pages{ex};
    const auto get = [&](std::string url) -> weir::task<std::string> {
        std::string line = url + "  ";
        try {
            const auto page = co_await weir::with_timeout(10s, pages.get(std::move(url)));
            line += std::to_string(page.status) + "  " + std::to_string(page.body.size()) + " bytes";
        } catch (const std::exception& error) {
            line += error.what();
        }
        co_return line;
    };
    const auto print = [](const std::string& line) { std::cout << line << '\n'; };
    co_await (weir::from_range(std::move(urls)) | weir::map_async(20, get) | weir::for_each(print));
}

/// Twenty pages of different sizes at once, and one that is given up.
weir::task<> demonstrate() {
    weir::executor& ex = *co_await weir::this_executor();
    const weir::endpoint here{"127.0.0.1", 0};
    auto listener = co_await weir::listen(here);
    const auto server = ex.spawn(weir::accept(listener) | weir::map_async_unordered(100, answer) | weir::drain());
    const std::string address = "http://" + listener.local_endpoint().to_string() + "/";

    curl pages{ex};
    const auto began = ex.now();
    const auto get = [&](int i) -> weir::task<std::size_t> {
        const auto page = co_await pages.get(address + std::to_string(i * 10'000));
        co_return page.body.size();
    };
    const auto bytes =
        co_await (weir::iota(1, 21) | weir::map_async(20, get) | weir::fold(std::size_t{0}, std::plus{}));
    const auto took = ex.now() - began;
    std::cout << "20 pages, " << bytes
              << " bytes, each after 50 ms: " << (took < 20 * 50ms ? "fetched at once" : "fetched one after the other")
              << '\n';
    if (bytes != 2'100'000) throw std::runtime_error{"bytes are missing"};

    try {
        co_await weir::with_timeout(10ms, pages.get(address + "1"));
        throw std::runtime_error{"the time limit had no effect"};
    } catch (const weir::timed_out&) {
        std::cout << "a page that takes 50 ms, within 10 ms: given up\n";
    }
}

} // namespace

int main(int argc, char** argv) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int status = 0;
    try {
        if (argc > 1) {
            weir::run(fetch({argv + 1, argv + argc}));
        } else {
            weir::run(demonstrate());
        }
    } catch (const std::exception& error) {
        std::cerr << "curl_multi: " << error.what() << '\n';
        status = 1;
    }
    if (!std::cout.flush()) {
        std::cerr << "curl_multi: cannot write to standard output\n";
        status = 1;
    }
    curl_global_cleanup();
    return status;
}
