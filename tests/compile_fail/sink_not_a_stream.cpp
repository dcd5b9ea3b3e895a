// expect: weir::for_each(f)
// expect: what is left of | is not a stream

#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto ignore = [](int) {};
    auto right = weir::iota(1, 4) | weir::for_each(ignore);
#ifdef MUST_NOT_COMPILE
    auto wrong = 3 | weir::for_each(ignore);
#endif
}
