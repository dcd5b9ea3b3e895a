// SPDX-License-Identifier: MIT
#include <weir/messages/conformance.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/messages/simulated_broker.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

using namespace std::chrono_literals;
namespace messages = weir::messages;

namespace {

/// The simulated broker, with faults from outside.
class simulated_bed : public messages::broker_under_test {
public:
    explicit simulated_bed(messages::simulated_broker_options o) : options_{o} {}

    weir::task<> reset() override {
        broker_.emplace(options_);
        co_return;
    }
    std::size_t partitions() const override { return options_.partitions; }
    messages::consumer join(messages::consumer_options o) override {
        return messages::consumer{broker_->join(), std::move(o)};
    }
    weir::task<> publish(std::size_t partition, std::string value) override {
        broker_->publish(partition, "", std::move(value));
        co_return;
    }
    weir::task<bool> inject(messages::fault what) override {
        switch (what) {
        case messages::fault::connection_loss:
            broker_->disconnect(500ms);
            break;
        case messages::fault::pause:
            broker_->pause_first(options_.session_timeout * 3);
            break;
        case messages::fault::restart:
            broker_->restart();
            break;
        case messages::fault::slowness:
            broker_->slow_down(30ms);
            break;
        }
        co_return true;
    }

protected:
    messages::simulated_broker_options options_;
    std::optional<messages::simulated_broker> broker_;
};

/// What is wrong with a member.
enum class planted {
    loses_a_record,
    changes_the_order,
    delivers_twice,
    commits_nothing,
    commits_too_much,
    ignores_an_assignment,
    never_releases,
};

class faulty_member {
public:
    faulty_member(messages::simulated_broker::member inner, planted bug) : inner_{std::move(inner)}, bug_{bug} {}

    weir::task<messages::group_change> next_change() {
        for (;;) {
            auto change = co_await inner_.next_change();
            const bool third = change.kind == messages::change_kind::assigned && ++assigned_ == 3;
            if (bug_ != planted::ignores_an_assignment || !third) co_return change;
        }
    }
    weir::task<std::vector<messages::record>> fetch(const messages::assignment& a, std::size_t n) {
        auto got = co_await inner_.fetch(a, n);
        if (got.size() > 1) {
            if (bug_ == planted::loses_a_record) got.pop_back();
            if (bug_ == planted::changes_the_order) std::swap(got[0], got[1]);
        }
        if (bug_ == planted::delivers_twice && got.size() < n) {
            got.push_back(got.back());
            ++got.back().position.high; // or the consumer would see it
        }
        co_return got;
    }
    weir::task<bool> commit(const messages::assignment& a, const std::vector<messages::position>& done) {
        if (bug_ == planted::commits_nothing) co_return true;
        auto all = done;
        if (bug_ == planted::commits_too_much) all.back().low += 5;
        co_return co_await inner_.commit(a, all);
    }
    weir::task<> release(const messages::assignment& a) {
        if (bug_ == planted::never_releases) co_return;
        co_await inner_.release(a);
    }
    weir::task<> leave() { return inner_.leave(); }
    weir::task<messages::partition_status> inspect(const messages::assignment& a) { return inner_.inspect(a); }

private:
    messages::simulated_broker::member inner_;
    planted bug_;
    int assigned_ = 0;
};

class faulty_bed final : public simulated_bed {
public:
    faulty_bed(messages::simulated_broker_options o, planted bug) : simulated_bed{o}, bug_{bug} {}

    messages::consumer join(messages::consumer_options o) override {
        return messages::consumer{faulty_member{broker_->join(), bug_}, std::move(o)};
    }

private:
    planted bug_;
};

} // namespace

TEST_SUITE("messages/conformance") {
    TEST_CASE("the simulated broker conforms, with every seed") {
        weir::testing::for_each_seed(30, [](weir::testing::simulation& sim) {
            simulated_bed bed{{.partitions = 1 + sim.seed() % 5}};
            const std::string failure = sim.run(messages::check_conformance(bed));
            INFO(sim.seed());
            REQUIRE(failure == "");
        });
    }

    TEST_CASE("the simulated broker conforms while its operations fail") {
        weir::testing::for_each_seed(20, [](weir::testing::simulation& sim) {
            simulated_bed bed{{.partitions = 3, .rebalance_limit = 1s, .failing = 0.02, .lost_reply = 0.02}};
            const std::string failure = sim.run(messages::check_conformance(bed));
            INFO(sim.seed());
            REQUIRE(failure == "");
        });
    }

    TEST_CASE("each bug that is planted in a broker is found") {
        const auto found = [](planted bug) {
            weir::testing::simulation sim{1};
            faulty_bed bed{{.partitions = 3, .rebalance_limit = 1h}, bug};
            return sim.run(messages::check_conformance(bed, {.patience = 20s}));
        };
        CHECK(found(planted::loses_a_record).starts_with("delivery in order: out of order: "));
        CHECK(found(planted::changes_the_order).starts_with("delivery in order: out of order: "));
        CHECK(found(planted::delivers_twice).starts_with("delivery in order: delivered after the commit: "));
        CHECK(found(planted::commits_nothing).starts_with("delivery in order: delivered after the commit: "));
        CHECK(found(planted::commits_too_much) == "delivery in order: weir::with_timeout: no result within 20s");
        CHECK(found(planted::ignores_an_assignment) == "delivery in order: weir::with_timeout: no result within 20s");
        CHECK(found(planted::never_releases) ==
              "members that join and leave: weir::with_timeout: no result within 20s");
    }

    TEST_CASE("options of the conformance suite that make no sense are refused") {
        weir::testing::simulation sim{1};
        simulated_bed bed{{}};
        CHECK_THROWS_AS(sim.run(messages::check_conformance(bed, {.patience = 0s})), std::invalid_argument);
        CHECK_THROWS_AS(sim.run(messages::check_conformance(bed, {.records = 7})), std::invalid_argument);
    }
}
