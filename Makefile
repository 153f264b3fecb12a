# gllm_kernels
#
#   make              build/libgllm_kernels.a: implementation and assembly
#   make run          the example program on the model in examples/model
#   make test         all tests of this machine, native and emulated; NATIVE=1 without the emulated sets, SAN=1 with sanitizers, ISA=avx2 on one
#   make test-build   warnings, language modes, include orders, link-time optimisation
#   make test-cross   the tests for other machines, under emulators; ONLY="aarch64 windows" SKIP="riscv64"
#   make mca          predicted cycles of the assembly's loops against their budgets
#   make bench        OP=rms_norm ISA=avx2 ELEM=f16 SHAPE=4096 THREADS=2 QUICK=1 JSON=file
#   make examples asm install clean
#
# CXX=clang++  CROSS=aarch64-linux-gnu-  CXXFLAGS=-O3  LDFLAGS=-static  RUN=qemu-aarch64  B=build  PREFIX= DESTDIR=

ifeq ($(origin CXX),default)
CXX      := $(CROSS)g++
endif
ifeq ($(origin AR),default)
AR       := $(CROSS)ar
endif
CXXFLAGS ?= -O2
PREFIX   ?= /usr/local
B        ?= build$(if $(SAN),/san)$(if $(NATIVE),/native)
MODEL    ?= examples/model/kjv-mixed.gguf

TARGET   := $(shell $(CXX) -dumpmachine)
EXE      := $(if $(findstring mingw,$(TARGET)),.exe)
comma    := ,
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion
FLAGS    := -std=c++17 $(CXXFLAGS) $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined)
CPP      := -I. -DGLLM_KERNELS_ASM -MMD -MP
LIBS     := -pthread $(if $(findstring linux,$(TARGET)),-ldl)
ENV      := $(if $(ISA),GLLM_KERNELS_ISA=$(ISA))

LIB      := $(B)/libgllm_kernels.a
ASM      := $(patsubst asm/%.S,$(B)/obj/asm/%.o,$(wildcard asm/*/*.S))
EXAMPLES := $(patsubst examples/%.cpp,$(B)/%$(EXE),$(wildcard examples/*.cpp))
TESTS    := $(patsubst tests/%.cpp,$(B)/%$(EXE),$(wildcard tests/test_*.cpp))
HELPERS  := $(patsubst tests/%,$(B)/obj/tests/%.o,$(basename $(wildcard tests/*.S) $(filter-out tests/test_%,$(wildcard tests/*.cpp))))

ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

.PHONY: all asm examples tests run test test-build test-cross mca bench install clean deps
all: $(LIB)
asm: $(ASM)
examples: $(EXAMPLES)
tests: $(TESTS)

# ---- objects: rebuilt when the compiler or its flags change -----------------------------------------------------------
STAMP := $(B)/obj/flags
$(shell mkdir -p $(B)/obj; echo '$(CXX) $(FLAGS) $(LDFLAGS)' | cmp -s - $(STAMP) || echo '$(CXX) $(FLAGS) $(LDFLAGS)' >$(STAMP))

COMPILE = @mkdir -p $(@D) && echo "$(CXX) $@" && $(CXX) $(FLAGS) $(CPP) $(WARNINGS)

$(B)/obj/asm/%.o: asm/%.S $(STAMP)
	$(COMPILE) -c $< -o $@
$(B)/obj/tests/%.o: tests/%.S $(STAMP)
	$(COMPILE) -c $< -o $@
$(B)/obj/gllm_kernels.o: gllm_kernels.hpp $(STAMP)
	@printf '%s\n' '#define GLLM_KERNELS_IMPLEMENTATION' '#define GLLM_KERNELS_THREADS' '#include "gllm_kernels.hpp"' >$(B)/gllm_kernels.cpp
	$(COMPILE) -c $(B)/gllm_kernels.cpp -o $@
$(B)/obj/examples/%.o: examples/%.cpp $(STAMP)
	$(COMPILE) -c $< -o $@
$(B)/obj/bench/%.o: bench/%.cpp $(STAMP)
	$(COMPILE) -DGLLM_KERNELS_THREADS -c $< -o $@
$(B)/obj/tests/%.o: tests/%.cpp $(STAMP) | deps
	$(COMPILE) -DGLLM_KERNELS_THREADS $(if $(SAN)$(NATIVE),,-DGLLM_KERNELS_EMULATE) -Itests -isystem build/deps -c $< -o $@

# ---- archives and programs --------------------------------------------------------------------------------------------
$(LIB): $(B)/obj/gllm_kernels.o $(ASM)
$(B)/obj/asm.a: $(ASM)
$(B)/obj/tests.a: $(HELPERS) $(ASM)
$(LIB) $(B)/obj/asm.a $(B)/obj/tests.a:
	@rm -f $@ && echo "$(AR) $@" && $(AR) qcs $@ $^

LINK = @echo "link $@" && $(CXX) $(FLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)
$(EXAMPLES): $(B)/%$(EXE): $(B)/obj/examples/%.o $(B)/obj/asm.a
	$(LINK)
$(TESTS): $(B)/%$(EXE): $(B)/obj/tests/%.o $(B)/obj/tests.a
	$(LINK)
$(B)/bench$(EXE): $(B)/obj/bench/bench.o $(LIB)
	$(LINK)

# ---- what one runs ----------------------------------------------------------------------------------------------------
run: $(B)/generate$(EXE)
	$(ENV) $(RUN) $< $(MODEL) -p "In the beginning"
LESSER   := $(if $(findstring x86_64,$(TARGET)),-amx_int8 -amx -amx$(comma)-vnni$(comma)-avx_vnni) $(if $(findstring aarch64,$(TARGET)),-i8mm -i8mm$(comma)-dotprod)
test: $(TESTS)                                  # products once more without the newer features of this CPU
	@$(ENV) RUN="$(RUN)" tests/build/run.sh $^ $(if $(ISA),,$(foreach t,gemm matmul,$(addprefix $(B)/test_$t$(EXE)@,$(LESSER))))
test-build: deps
	@tests/build/compile.sh $(CXX)
test-cross: deps
	@tests/build/cross.sh $(ONLY)
mca:
	@tests/build/mca.sh $(OP)
bench: $(B)/bench$(EXE)
	@$(RUN) $< $(if $(OP),--op $(OP)) $(if $(ISA),--isa $(ISA)) $(if $(ELEM),--elem $(ELEM)) $(if $(SHAPE),--shape $(SHAPE)) \
	    $(if $(THREADS),--threads $(THREADS)) $(if $(QUICK),--quick) $(if $(JSON),--json $(JSON))
deps:
	@tests/build/need.sh doctest simde
clean:
	rm -rf $(B)

# ---- install ----------------------------------------------------------------------------------------------------------
VERSION := $(shell sed -n 's/^.define GLLM_KERNELS_VERSION_[MP][A-Z]* *//p' gllm_kernels.hpp | paste -sd. -)
D       := $(DESTDIR)$(PREFIX)
define PKG_CONFIG
'prefix=$(PREFIX)' '' 'Name: gllm_kernels' 'Description: CPU kernels for running language models' 'Version: $(VERSION)' \
'Cflags: -I$${prefix}/include -DGLLM_KERNELS_THREADS' 'Libs: -L$${prefix}/lib -lgllm_kernels -pthread'
endef
define CMAKE_PACKAGE
'include(CMakeFindDependencyMacro)' 'find_dependency(Threads)' \
'get_filename_component(_gllm "$${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)' \
'add_library(gllm::kernels INTERFACE IMPORTED)' \
'set_target_properties(gllm::kernels PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "$${_gllm}/include"' \
'    INTERFACE_COMPILE_FEATURES cxx_std_17 INTERFACE_LINK_LIBRARIES Threads::Threads)' \
'foreach(name kernels_asm kernels_static)' \
'  add_library(gllm::$${name} STATIC IMPORTED)' \
'  set_target_properties(gllm::$${name} PROPERTIES IMPORTED_LOCATION "$${_gllm}/lib/libgllm_kernels.a"' \
'      INTERFACE_LINK_LIBRARIES gllm::kernels)' \
'endforeach()' \
'set_target_properties(gllm::kernels_asm PROPERTIES INTERFACE_COMPILE_DEFINITIONS GLLM_KERNELS_ASM)' \
'set_target_properties(gllm::kernels_static PROPERTIES INTERFACE_COMPILE_DEFINITIONS GLLM_KERNELS_THREADS)'
endef
define CMAKE_VERSION
'set(PACKAGE_VERSION $(VERSION))' 'if(NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)' \
'  set(PACKAGE_VERSION_COMPATIBLE TRUE)' 'endif()'
endef
install: $(LIB)
	install -d $(D)/include $(D)/lib/pkgconfig $(D)/lib/cmake/gllm_kernels
	install -m 644 gllm_kernels.hpp $(D)/include
	install -m 644 $(LIB) $(D)/lib
	@printf '%s\n' $(PKG_CONFIG) >$(D)/lib/pkgconfig/gllm_kernels.pc
	@printf '%s\n' $(CMAKE_PACKAGE) >$(D)/lib/cmake/gllm_kernels/gllm_kernels-config.cmake
	@printf '%s\n' $(CMAKE_VERSION) >$(D)/lib/cmake/gllm_kernels/gllm_kernels-config-version.cmake

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
