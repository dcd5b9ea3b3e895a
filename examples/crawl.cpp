// SPDX-License-Identifier: MIT
// Visits the pages that a page links to, the pages that those link to, and so on, with limits for each host and for
// everything. Prints each page with its status and depth. A page that cannot be read is reported, and the others go on.
//
//     crawl [--depth N] [--pages N] [--at-once N] [--per-host N] URL
//
// Only links by http in href attributes are followed, also those to other hosts. A redirect is a link. SIGINT and
// SIGTERM end the program. Exit status: 0; 1 when a page has failed; 2 for wrong arguments.

#include <csignal>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <weir/http/client.hpp>
#include <weir/weir.hpp>

#include "arguments.hpp"

namespace {

struct page {
    weir::http::url address;
    int depth = 0;
};

struct crawler {
    int depth = 3;
    std::size_t pages = 1000;
    weir::http::client_options limits{.connections_per_origin = 4, .connections = 32, .redirects = 0};
    std::unordered_set<weir::http::url> seen{}; // all pages that were found, no more than `pages`
    std::size_t failed = 0;

    /// The pages that an answer links to and that were not found before.
    std::vector<page> links(const page& from, const weir::http::headers& headers, std::string_view body) {
        std::vector<page> result;
        const auto add = [&](std::string_view link) {
            try {
                page found{from.address.resolve(link).without_fragment(), from.depth + 1};
                if (found.address.is_https() || seen.size() == pages) return;
                if (seen.insert(found.address).second) result.push_back(std::move(found));
            } catch (const std::invalid_argument&) {} // not a link by http
        };
        if (from.depth == depth) return result;
        if (const auto location = headers.get("Location")) add(*location);
        for (std::size_t at = 0; (at = body.find("href=\"", at)) != body.npos;) {
            at += 6;
            add(body.substr(at, body.find('"', at) - at));
        }
        return result;
    }

    weir::async_stream<page> visit(const weir::http::client& client, page which) {
        std::vector<page> found;
        try {
            auto answer = co_await client.get(which.address);
            const std::string body = co_await answer.text(1 << 20);
            if (answer.status >= 400) ++failed;
            std::cout << answer.status << ' ' << which.depth << ' ' << which.address.to_string() << std::endl;
            found = links(which, answer.headers, body);
        } catch (const std::exception& e) {
            ++failed;
            std::cout << "FAIL " << which.depth << ' ' << which.address.to_string() << "  " << e.what() << std::endl;
        }
        for (const page& next : found) co_yield next;
    }

    weir::task<int> run(std::string start) {
        const page first{weir::http::url{start}.without_fragment()};
        const weir::http::client client{limits};
        seen.insert(first.address);
        const auto check_output = [](const page&) {
            if (!std::cout) throw std::runtime_error{"cannot write to standard output"};
        };
        auto visits = weir::just(first) | weir::expand(pages, [&](const page& which) { return visit(client, which); }) |
                      weir::take_until(weir::signals(SIGINT, SIGTERM)) | weir::inspect(check_output);
        const auto visited = co_await (std::move(visits) | weir::count());
        std::cout << visited << " pages, " << failed << " failed" << std::endl;
        co_return failed == 0 && std::cout ? 0 : 1;
    }
};

} // namespace

int main(int argc, char** argv) {
    crawler all;
    std::string start;
    CLI::App app{"Visits the pages that a page links to, and so on.", "crawl"};
    app.add_option("--depth", all.depth, "links from the first page to the last (3)")->check(CLI::Range(0, 100));
    app.add_option("--pages", all.pages, "pages in all (1000)")->check(CLI::Range(1, 1'000'000));
    app.add_option("--at-once", all.limits.connections, "pages at the same time (32)")->check(CLI::Range(1, 1000));
    app.add_option("--per-host", all.limits.connections_per_origin, "of these, pages of one host (4)")
        ->check(CLI::Range(1, 1000));
    app.add_option("URL", start)->required();
    parse_arguments(app, argc, argv, "[--depth N] [--pages N] [--at-once N] [--per-host N] URL", [] {});
    all.limits.waiting = all.pages;
    return run_program(app, all.run(start));
}
