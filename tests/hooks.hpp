// The hooks of the library under test: allocations that are counted, fenced, filled with NaN, and able to fail; a second-level cache
// of any size.
// SPDX-License-Identifier: MIT
#ifndef TESTS_HOOKS_HPP
#define TESTS_HOOKS_HPP

#include <stddef.h>

namespace test {

void* hooked_malloc(size_t bytes);                              // never aligned to more than 16 bytes
void  hooked_free(void* p);
long  allocations();                                            // blocks alive
long  allocations_ever();
long  overruns();                                               // blocks freed with something written past their end
void  fail_allocations(bool fail);
void  fail_allocations_after(long count);                       // those that come after so many, until fail_allocations(false)

size_t l2_bytes();                                              // what the library takes for the second-level cache
void   set_l2_bytes(size_t bytes);                              // 0: the default, 512 KiB

} // namespace test

#endif
