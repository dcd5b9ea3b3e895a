// SPDX-License-Identifier: MIT
// Visits the pages that a page links to, the pages that those link to, and so on, with limits for each host and for
// everything. Prints each page with its status and depth. A page that cannot be read is reported, and the others go on.
//
//     crawl [--depth N] [--pages N] [--at-once N] [--per-host N] URL
//
// Only links by http in href attributes are followed, also those to other hosts. A redirect is a link. SIGINT and
// SIGTERM end the program. Exit status: 0; 1 when a page has failed; 2 for wrong arguments.

#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <weir/weir.hpp>

#include "arguments.hpp"
#include "fetch/http.hpp"
#include "fetch/url.hpp"

using namespace std::chrono_literals;

namespace {

struct page {
    url address;
    int depth = 0;
};

struct crawler {
    int depth = 3;
    std::size_t pages = 1000, at_once = 32, per_host = 4;
    std::unordered_set<std::string> seen{}; // all pages that were found, no more than `pages`
    std::map<std::string, weir::semaphore> hosts{};
    std::size_t failed = 0;

    /// The pages that an answer links to and that were not found before.
    std::vector<page> links(const page& from, const message& answer) {
        std::vector<page> result;
        const auto add = [&](std::string_view link) {
            try {
                page found{follow(from.address, link), from.depth + 1};
                if (seen.size() < pages && seen.insert(found.address.to_string()).second) result.push_back(found);
            } catch (const std::invalid_argument&) {} // not a link by http
        };
        if (from.depth == depth) return result;
        if (!answer.location.empty()) add(answer.location);
        const std::string_view body = answer.body;
        for (std::size_t at = 0; (at = body.find("href=\"", at)) != body.npos;) {
            at += 6;
            add(body.substr(at, body.find('"', at) - at));
        }
        return result;
    }

    weir::async_stream<page> visit(page which, weir::semaphore& all) {
        std::vector<page> found;
        try {
            auto& host = hosts.try_emplace(which.address.authority(), per_host).first->second;
            const auto host_permit = co_await host.acquire(); // first, so that a slow host does not hold up the others
            const auto permit = co_await all.acquire();
            const body_options body{.longest = 1 << 20, .what = body_options::keep};
            const message answer = co_await weir::with_timeout(10s, get(which.address, body));
            if (answer.status >= 400) ++failed;
            std::cout << answer.status << ' ' << which.depth << ' ' << which.address.to_string() << std::endl;
            found = links(which, answer);
        } catch (const std::exception& e) {
            ++failed;
            std::cout << "FAIL " << which.depth << ' ' << which.address.to_string() << "  " << e.what() << std::endl;
        }
        for (const page& next : found) co_yield next;
    }

    weir::task<> run(page start) {
        weir::semaphore all{at_once};
        seen.insert(start.address.to_string());
        const auto visit_page = [&](const page& which) { return visit(which, all); };
        const auto check_output = [](const page&) {
            if (!std::cout) throw std::runtime_error{"cannot write to standard output"};
        };
        auto visits = weir::just(start) | weir::expand(pages, visit_page) |
                      weir::take_until(weir::signals(SIGINT, SIGTERM)) | weir::inspect(check_output);
        const auto visited = co_await (std::move(visits) | weir::count());
        std::cout << visited << " pages, " << failed << " failed" << std::endl;
    }
};

} // namespace

int main(int argc, char** argv) {
    crawler all;
    std::string start;
    CLI::App app{"Visits the pages that a page links to, and so on.", "crawl"};
    app.add_option("--depth", all.depth, "links from the first page to the last (3)")->check(CLI::Range(0, 100));
    app.add_option("--pages", all.pages, "pages in all (1000)")->check(CLI::Range(1, 1'000'000));
    app.add_option("--at-once", all.at_once, "pages at the same time (32)")->check(CLI::Range(1, 1000));
    app.add_option("--per-host", all.per_host, "of these, pages of one host (4)")->check(CLI::Range(1, 1000));
    app.add_option("URL", start)->required();
    parse_arguments(app, argc, argv, "[--depth N] [--pages N] [--at-once N] [--per-host N] URL", [] {});
    try {
        weir::run(all.run({.address = parse_url(start)}));
    } catch (const std::exception& e) {
        std::cerr << "crawl: " << e.what() << '\n';
        return 1;
    }
    return all.failed == 0 && std::cout ? 0 : 1;
}
