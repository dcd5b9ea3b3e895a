// SPDX-License-Identifier: MIT
#include <weir/source/read.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/detail/frame_pool.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/task.hpp>

#include <doctest/doctest.h>

#include "allocations.hpp"
#include "raw_io.hpp"
#include "temporary_file.hpp"

TEST_SUITE("source/read") {
    TEST_CASE("read emits a file in blocks, then ends") {
        const support::temporary_file t{std::string(100, 'a') + std::string(100, 'b') + "c"};
        weir::executor ex;
        std::vector<std::string> blocks;
        ex.run(weir::read(t.path(), {.block = 100}) |
               weir::for_each([&](const weir::bytes& b) { blocks.push_back(b.to_string()); }));
        CHECK(blocks == std::vector{std::string(100, 'a'), std::string(100, 'b'), std::string{"c"}});
    }

    TEST_CASE("read ends at once for an empty file") {
        const support::temporary_file t;
        weir::executor ex;
        int blocks = 0;
        ex.run(weir::read(t.path()) | weir::for_each([&](const weir::bytes&) { ++blocks; }));
        CHECK(blocks == 0);
    }

    TEST_CASE("read may own its file, or borrow it") {
        const support::temporary_file t{"abcdef"};
        weir::executor ex;
        std::string got;
        const auto append = [&](const weir::bytes& b) { got += b; };
        weir::file f = ex.run(weir::open(t.path()));
        ex.run(weir::read(f) | weir::for_each(append));
        CHECK(f.is_open());
        ex.run(weir::read(ex.run(weir::open(t.path()))) | weir::for_each(append));
        CHECK(got == "abcdefabcdef");
    }

    TEST_CASE("read opens and reads nothing before it is polled") {
        weir::executor ex;
        { const auto never_polled = weir::read(std::string{"/no/such/file"}); }
        auto p = ex.run(weir::open_pipe());
        ex.run(p.write_end.write("abc"));
        auto stream = weir::read(p.read_end, {.block = 1});
        CHECK(ex.run(weir::next(stream)) == weir::bytes{"a"});
        for (int i = 0; i != 10; ++i) ex.turn(ex.now());
        char rest[4];
        CHECK(ex.run(p.read_end.read(rest)) == 2);
    }

    TEST_CASE("read fails with the path of a missing file or a directory") {
        weir::executor ex;
        const auto read_all = [&](const std::string& path) {
            return support::system_error_of([&] {
                ex.run(weir::read(path) | weir::for_each([](const weir::bytes&) {}));
                return 0;
            });
        };
        CHECK(read_all("/no/such/file") == "open /no/such/file: No such file or directory");
        const auto directory = std::filesystem::temp_directory_path().string();
        CHECK(read_all(directory) == "read " + directory + ": Is a directory");
    }

    TEST_CASE("read: kept pieces do not change") {
        std::string text;
        for (int i = 0; i != 20'000; ++i) text += std::to_string(i);
        const support::temporary_file t{text};
        weir::executor ex;
        std::vector<weir::bytes> kept;
        ex.run(weir::read(t.path(), {.block = 777}) |
               weir::for_each([&](weir::bytes b) { kept.push_back(std::move(b)); }));
        std::string got;
        for (const auto& b : kept) got += b;
        CHECK(got == text);
    }

    TEST_CASE("read: kept short pieces share a block") {
        weir::executor ex;
        auto p = ex.run(weir::open_pipe());
        auto stream = weir::read(p.read_end, {.block = 1024});
        std::vector<weir::bytes> kept;
        for (int i = 0; i != 5; ++i) {
            ex.run(p.write_end.write("0123456789"));
            kept.push_back(*ex.run(weir::next(stream)));
        }
        for (std::size_t i = 1; i != kept.size(); ++i) CHECK(kept[i].data() == kept[i - 1].end());
        p.write_end.close();
        CHECK_FALSE(ex.run(weir::next(stream)).has_value());
    }

    TEST_CASE("read allocates nothing in a steady state") {
        const support::temporary_file t{std::string(4'000'000, 'x')};
        weir::executor ex;
        const auto allocations_of = [&](const std::size_t block) {
            weir::file f = ex.run(weir::open(t.path()));
            const std::size_t before = support::allocations();
            std::size_t size = 0;
            ex.run(weir::read(f, {.block = block}) | weir::for_each([&](const weir::bytes& b) { size += b.size(); }));
            CHECK(size == 4'000'000);
            return support::allocations() - before;
        };
        allocations_of(4096);
        CHECK(allocations_of(4096) <= 1 + (WEIR_POOL_FRAMES ? 0 : 1));
    }

    TEST_CASE("read uses one block if the consumer keeps nothing") {
        const support::temporary_file t{std::string(1'000'000, 'x')};
        weir::executor ex;
        const char* first = nullptr;
        bool same = true;
        ex.run(weir::read(t.path(), {.block = 4096}) | weir::for_each([&](const weir::bytes& b) {
                   if (first == nullptr) first = b.data();
                   same = same && b.data() == first;
               }));
        CHECK(same);
    }

    TEST_CASE("read may be dropped while a read is in flight") {
        weir::executor ex;
        auto p = ex.run(weir::open_pipe());
        {
            auto reading = support::begin(ex, weir::read(p.read_end) | weir::for_each([](const weir::bytes&) {}));
            CHECK(ex.io().in_flight() == 1);
        }
        CHECK(ex.io().in_flight() == 0);
        ex.run(p.write_end.write("still there"));
        char buffer[64];
        CHECK(ex.run(p.read_end.read(buffer)) == 11);
    }
}
