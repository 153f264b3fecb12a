// The allocation hooks of the library under test: counted, fenced, filled with NaN, and able to fail.
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

} // namespace test

#endif
