// Calls of assembly kernels through a trampoline that checks the calling convention, and the fused multiply-add that their
// results are compared with. SPDX-License-Identifier: MIT
#ifndef TESTS_CALLING_HPP
#define TESTS_CALLING_HPP
#include "harness.hpp"
#if defined(__x86_64__) || defined(__aarch64__)

#if defined(__x86_64__)
#include <cpuid.h>
#endif

extern "C" uint64_t checked_call(void (*function)(), const uint64_t arguments[6], uint64_t upper_halves);

namespace test {

struct Rule { unsigned bit; const char* what; };
#if defined(__x86_64__)
constexpr Rule RULES[] = {
    { 0, "rbx" }, { 1, "rbp" }, { 2, "r12" }, { 3, "r13" }, { 4, "r14" }, { 5, "r15" }, { 6, "the stack pointer" },
    { 7, "the caller's stack" }, { 8, "the direction flag" }, { 9, "MXCSR" }, { 10, "the upper halves (no vzeroupper)" },
    { 11, "the x87 control word" },
#ifdef _WIN32
    { 16, "rdi" }, { 17, "rsi" }, { 18, "xmm6" }, { 27, "xmm15" },
#endif
};
constexpr unsigned UPPER_HALVES = 10;

/// Can XGETBV say which upper halves are in use?
inline bool upper_halves() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return false;
    return __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 4);
}
#else
constexpr Rule RULES[] = {
    { 0, "x19" }, { 9, "x28" }, { 10, "x29" }, { 11, "the stack pointer" }, { 12, "the caller's stack" }, { 13, "FPCR" },
    { 16, "d8" }, { 23, "d15" },
};
constexpr unsigned UPPER_HALVES = 64;                           // no such rule
inline bool upper_halves() { return false; }
#endif

inline std::string violations(uint64_t changed) {
    std::string s;
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(changed >> bit & 1)) continue;
        std::string what = "bit " + std::to_string(bit);
        for (const Rule& rule : RULES) if (rule.bit == bit) what = rule.what;
        s += (s.empty() ? "did not keep " : ", ") + what;
    }
    return s;
}

inline uint64_t word(size_t n) { return n; }
template <class T> uint64_t word(T* p) { return uint64_t(reinterpret_cast<uintptr_t>(p)); }

/// Calls a kernel of at most six sizes and pointers; empty, or which rules of the calling convention it broke.
template <class... P, class... A> std::string call(void (*kernel)(P...), A... a) {
    static const bool upper = upper_halves();
    const uint64_t arguments[6] = { word(static_cast<P>(a))... };
    return violations(checked_call(reinterpret_cast<void (*)()>(kernel), arguments, upper));
}

/// acc + a b, rounded once: the sum in double is rounded to odd, which the second rounding cannot spoil.
inline float fused(float a, float b, float acc) {
    const double p = double(a) * double(b), q = double(acc), s = p + q, t = s - p, error = (p - (s - t)) + (q - t);
    uint64_t bits;
    std::memcpy(&bits, &s, 8);
    if (error != 0 && !(bits & 1)) bits += (error > 0) == (s > 0) ? 1 : uint64_t(-1);
    double odd;
    std::memcpy(&odd, &bits, 8);
    return float(odd);
}

} // namespace test

#endif
#endif
