// The header's tables of assembly kernels, for tests and bench to walk, and the twins of kernels that multiply rows of codes.
// SPDX-License-Identifier: MIT
#ifndef TESTS_KERNELS_HPP
#define TESTS_KERNELS_HPP

#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace test {

struct Kernel {
    const char* table;                                          // "gemm_tiles" and so on, as in the header
    const char* name;
    void      (*run)();                                         // of the table's type
    bool        present;                                        // this CPU has what it needs, and the system lends it
    size_t      rows, columns, kind;
    const void* formats;                                        // of dot_rows, strip_rows: the leaf whose twin it has
};

/// All rows of a table; each symbol once.
std::vector<Kernel> kernels(const char* table);

// ---- of strip_rows ------------------------------------------------------------

size_t strip_bytes(const Kernel& kernel);                       // of 256 of k
void   pack_strip(const Kernel& kernel, const uint8_t* weights, size_t stride, size_t rows, size_t blocks, uint8_t* strip);
void   unpack_strip(const Kernel& kernel, const uint8_t* strip, size_t blocks, uint8_t* weights, size_t stride, size_t rows);
size_t bytes_for_strips(const Kernel& kernel, size_t k, size_t digits);
bool   prepare_for_strips(const Kernel& kernel, const float* x, size_t k, size_t digits, uint8_t* prepared);
void (*twin_of_strips(const Kernel& kernel))();

// ---- of dot_rows --------------------------------------------------------------

size_t row_bytes(const Kernel& kernel, size_t k);
const void* codebook(const Kernel& kernel);                     // of its format, or null
size_t prepared_bytes(const Kernel& kernel, size_t k, size_t digits);
void   prepare(const Kernel& kernel, const float* x, size_t k, size_t digits, uint8_t* prepared);
/// y = rows of weights, without gaps, times one row of x: by the twin.
void   twin_of_dots(const Kernel& kernel, const uint8_t* weights, size_t rows, const float* x, size_t k, const uint8_t* prepared,
                    size_t digits, float* y);

} // namespace test

#endif
