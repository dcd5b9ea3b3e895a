// SPDX-License-Identifier: MIT
// One pipeline in several processes: they share the streams of a Redis server and count events per sensor and window of
// ten seconds, in one SQLite database. Some of the processes are killed while they work, and others started. The counts
// are those of one process, because a count and the position of its event are stored in one transaction.
//
//     scale_out [--events N] [--workers N] [--streams N] [--kills N]
//     scale_out --work --redis URL --db FILE [--streams N]
//
//     --events N    events to be counted (100000)
//     --workers N   processes that share the work (4)
//     --streams N   the partitions, which the processes share (8)
//     --kills N     how often a process is killed (-9) and another started in its place (3)
//     --work        be one of the processes, until SIGTERM
//
// The first form starts a redis-server of its own and the processes. It prints the throughput and the lag.
//
// Exit status: 0; 1 when the counts are wrong or something has failed; 2 for wrong arguments.

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <weir/messages/consumer.hpp>
#include <weir/messages/map_value.hpp>
#include <weir/redis/client.hpp>
#include <weir/redis/streams.hpp>
#include <weir/weir.hpp>

#include "../arguments.hpp"
#include "tally.hpp"

namespace {

using namespace std::chrono_literals;
using weir::messages::message;

struct options {
    int events = 100'000;
    int workers = 4;
    int streams = 8;
    int kills = 3;
    bool work = false;
    std::string redis;
    std::string db;
};

weir::redis::group_options group_of(int streams) {
    weir::redis::group_options g;
    g.group = "counters";
    for (int i = 0; i != streams; ++i) g.streams.push_back("events:" + std::to_string(i));
    g.lease = 1s;
    g.block = 500ms;
    return g;
}

/// The seconds of an event, which are its text.
std::int64_t parse(const std::string& text) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size()) throw std::runtime_error{"no event: " + text};
    return seconds;
}

// A worker.

weir::task<> store(std::vector<message<std::int64_t>> batch, tally& db, weir::thread_pool& pool) {
    std::vector<event> events;
    events.reserve(batch.size());
    for (const auto& m : batch) {
        event e;
        e.sensor = m.key();
        e.seconds = m.value();
        e.partition = m.partition();
        e.epoch = m.epoch();
        e.position = m.position();
        events.push_back(std::move(e));
    }
    auto adding = [&db, events = std::move(events)] { return db.add(events); };
    co_await weir::offload(pool, std::move(adding));
    for (auto& m : batch) m.ack();
}

weir::task<> count_all(weir::messages::consumer& events, tally& db, weir::thread_pool& pool) {
    const auto keep = [&](std::vector<message<std::int64_t>> batch) { return store(std::move(batch), db, pool); };
    co_await (events.messages() | weir::messages::map_value(parse) | weir::batch_while_busy(500) |
              weir::for_each(keep));
}

weir::task<> work(options wanted) {
    weir::redis::client client{weir::redis::options::from_url(wanted.redis)};
    tally db{wanted.db};
    weir::messages::consumer_options limits;
    limits.max_in_flight = 1000;
    limits.shutdown_limit = 5s;
    weir::messages::consumer events{weir::redis::group_member{client, group_of(wanted.streams)}, limits};
    weir::thread_pool pool{1}; // destroyed first: the thread uses the database
    auto closing = (co_await weir::this_executor())->spawn([&events]() -> weir::task<> {
        static_cast<void>(co_await (weir::signals(SIGTERM) | weir::first()));
        static_cast<void>(co_await events.close());
    });
    // It ends when the consumer is closed. An error ends the process, and others do its work.
    co_await count_all(events, db, pool);
    co_await closing;
}

// The program that starts the workers.

std::string sensor_of(int i) { return "sensor-" + std::to_string(i % 97); }
std::int64_t seconds_of(int i) { return std::int64_t{i} * 7919 % 600; }

counts counts_of_one_process(int events) {
    counts all;
    for (int i = 0; i != events; ++i) count(all, sensor_of(i), seconds_of(i));
    return all;
}

weir::task<> publish(weir::redis::client& client, std::vector<std::string> streams, int events) {
    const auto add = [&](int i) -> weir::task<> {
        const std::string sensor = sensor_of(i);
        co_await client.command<void>("XADD", weir::redis::shard_of(streams, sensor), "*", "key", sensor, "value",
                                      seconds_of(i));
    };
    co_await (weir::iota(0, events) | weir::for_each_concurrent(200, add));
}

class temporary_folder {
public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "scale_out-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::system_error{errno, std::generic_category(), name};
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(const char* name) const { return path_ + '/' + name; }

private:
    std::string path_;
};

weir::task<weir::child_process> start(std::vector<std::string> command) {
    weir::process_options child;
    child.out = weir::stdio::null;
    child.parent_exit = weir::on_parent_exit::kill;
    auto starting = weir::spawn_process(std::move(command), child);
    co_return co_await std::move(starting);
}

weir::task<weir::child_process> start_worker(const options& wanted, std::string url, std::string db) {
    std::vector<std::string> command{"/proc/self/exe", "--work", "--redis", std::move(url), "--db", std::move(db)};
    command.emplace_back("--streams");
    command.push_back(std::to_string(wanted.streams));
    return start(std::move(command));
}

weir::task<std::uint64_t> lag(weir::redis::client& client, const std::vector<std::string>& streams) {
    std::uint64_t all = 0;
    for (const std::string& stream : streams) {
        using fields = std::map<std::string, weir::redis::value>;
        try {
            const auto groups = co_await client.command<std::vector<fields>>("XINFO", "GROUPS", stream);
            for (const fields& group : groups) {
                const auto found = group.find("lag");
                if (found != group.end()) all += static_cast<std::uint64_t>(found->second.integer());
            }
        } catch (const weir::redis::error&) {
            // The stream is not there yet.
        }
    }
    co_return all;
}

weir::task<int> scale_out(options wanted) {
    const temporary_folder folder;
    const std::string socket = folder / "redis.sock";
    const std::string db = folder / "counts.sqlite";
    const std::string url = "unix:" + socket;
    std::vector<std::string> command{"redis-server", "--port", "0", "--save", "", "--unixsocket"};
    command.push_back(socket);
    auto server = co_await start(std::move(command));

    weir::redis::options at = weir::redis::options::from_url(url);
    at.reconnect.attempts = 50; // it takes some time to start
    at.reconnect.max_delay = 100ms;
    weir::redis::client client{at};
    static_cast<void>(co_await client.command("PING"));
    tally stored{db};
    const std::vector<std::string> streams = group_of(wanted.streams).streams;
    auto& ex = *co_await weir::this_executor();
    const auto began = ex.now();
    auto publishing = ex.spawn(publish(client, streams, wanted.events));

    std::deque<weir::child_process> workers;
    for (int i = 0; i != wanted.workers; ++i) workers.push_back(co_await start_worker(wanted, url, db));

    int killed = 0;
    std::int64_t before = 0;
    auto printed = began;
    for (std::int64_t n = 0; n != wanted.events;) {
        co_await weir::sleep_for(20ms);
        n = stored.total();
        if (n > wanted.events) break; // some were counted twice
        if (killed != wanted.kills && n >= std::int64_t{wanted.events} * (killed + 1) / (wanted.kills + 1)) {
            ++killed;
            workers.front().kill();
            static_cast<void>(co_await workers.front().wait());
            workers.pop_front();
            workers.push_back(co_await start_worker(wanted, url, db));
            std::cout << "killed a worker, and started another" << std::endl;
        }
        const std::chrono::duration<double> since = ex.now() - printed;
        if (since < 500ms) continue;
        const std::uint64_t waiting = co_await lag(client, streams);
        std::cout << n << " counted, " << static_cast<std::int64_t>(static_cast<double>(n - before) / since.count())
                  << " events/s, lag " << waiting << std::endl;
        before = n;
        printed = ex.now();
    }
    const std::chrono::duration<double> took = ex.now() - began;
    co_await publishing;
    for (auto& worker : workers) worker.terminate();
    for (auto& worker : workers) static_cast<void>(co_await worker.wait());
    server.terminate();
    static_cast<void>(co_await server.wait());

    const bool right = stored.all() == counts_of_one_process(wanted.events);
    std::cout << wanted.events << " events by " << wanted.workers << " workers, " << killed
              << " killed: " << static_cast<std::int64_t>(wanted.events / took.count()) << " events/s; the counts are "
              << (right ? "those of one process" : "WRONG") << '\n';
    co_return right ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app{"Counts events in several processes, some of which are killed.", "scale_out"};
    app.add_option("--events", wanted.events)->check(CLI::Range(1, 100'000'000));
    app.add_option("--workers", wanted.workers)->check(CLI::Range(1, 100));
    app.add_option("--streams", wanted.streams)->check(CLI::Range(1, 1000));
    app.add_option("--kills", wanted.kills)->check(CLI::Range(0, 1000));
    app.add_flag("--work", wanted.work);
    app.add_option("--redis", wanted.redis);
    app.add_option("--db", wanted.db);
    parse_arguments(app, argc, argv,
                    "[--events N] [--workers N] [--streams N] [--kills N] | --work --redis URL --db FILE", [&] {
                        if (wanted.work && (wanted.redis.empty() || wanted.db.empty())) {
                            throw CLI::ValidationError("--work", "needs --redis and --db");
                        }
                    });
    if (wanted.work) return run_program(app, work(wanted));
    return run_program(app, scale_out(wanted));
}
