// gk_sentinel -- what a build that defines GLLM_KERNELS_ASM must link; without asm/ the linker names it.
//
//   extern "C" const int GLLM_KERNELS_ASM_is_defined_but_the_objects_of_asm_are_not_linked_v1;
//
// The suffix changes with the prototypes of the kernels, so that header and objects of different versions do not link.

#include "../gk_asm.h"
#ifdef __aarch64__

GK_CONST GLLM_KERNELS_ASM_is_defined_but_the_objects_of_asm_are_not_linked_v1
    .long   1

#endif
