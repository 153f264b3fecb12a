# gllm_kernels
#
#   make              build/libgllm_kernels.a: implementation and assembly
#   make shared       build/libgllm_kernels_shared.so: the same; its users define GLLM_KERNELS_SHARED
#   make run          the example program on the model in examples/model
#   make test         all tests of this machine, native and emulated; NATIVE=1 without the emulated sets, SAN=1 with sanitizers, ISA=avx2 on one
#   make test-build   warnings, language modes, include orders, link-time optimisation, copies in one process, installation
#   make test-cross   the tests for other machines, under emulators; ONLY="aarch64 windows" SKIP="riscv64"
#   make mca          predicted cycles of the assembly's loops against their budgets
#   make bench        OP=rms_norm ISA=avx2 ELEM=f16 SHAPE=4096 THREADS=2 QUICK=1 JSON=file; OP=gk_qdot: assembly kernels alone
#   make examples asm install uninstall clean
#
# CXX=clang++  CROSS=aarch64-linux-gnu-  CXXFLAGS=-O3  LDFLAGS=-static  RUN=qemu-aarch64  B=build  PREFIX= LIBDIR= INCLUDEDIR= DESTDIR=
# CROSS brings its own RUN, where this system has the emulator.

ifeq ($(origin CXX),default)                    # a mingw of win32 threads may have no std::mutex
CXX      := $(CROSS)g++$(if $(findstring mingw,$(CROSS)),$(shell $(CROSS)g++ -v 2>&1 | grep -q 'model: posix' || ! command -v $(CROSS)g++-posix >/dev/null || echo -posix))
endif
ifeq ($(origin AR),default)
AR       := $(CROSS)ar
endif
CXXFLAGS ?= -O2
PREFIX   ?= /usr/local
B        ?= build$(if $(SAN),/san)$(if $(NATIVE),/native)
MODEL    ?= examples/model/kjv-mixed.gguf

TARGET   := $(shell $(CXX) -dumpmachine)
WINDOWS  := $(findstring mingw,$(TARGET))
EXE      := $(if $(WINDOWS),.exe)
comma    := ,
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion
FLAGS    := -std=c++17 $(if $(WINDOWS),,-fPIC) $(CXXFLAGS) $(if $(SAN),-O1 -g1 -fno-omit-frame-pointer -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined)
CPP      := -I. -DGLLM_KERNELS_ASM -MMD -MP
LIBS     := -pthread $(if $(findstring linux,$(TARGET)),-ldl)
ENV      := $(if $(ISA),GLLM_KERNELS_ISA=$(ISA))
VERSION  := $(shell sed -n 's/^.define GLLM_KERNELS_VERSION_[MP][A-Z]* *//p' gllm_kernels.hpp | paste -sd. -)
SERIES   := $(basename $(VERSION))

LIB      := $(B)/libgllm_kernels.a
SO       := libgllm_kernels_shared$(if $(WINDOWS),.dll,$(if $(findstring darwin,$(TARGET)),.dylib,.so))
SONAME   := $(if $(WINDOWS),$(SO),$(if $(findstring darwin,$(TARGET)),$(SO:.dylib=.$(SERIES).dylib),$(SO).$(SERIES)))
SOFILE   := $(if $(WINDOWS),$(SO),$(if $(findstring darwin,$(TARGET)),$(SO:.dylib=.$(VERSION).dylib),$(SO).$(VERSION)))
SHARED   := $(B)/$(SOFILE)
ASM      := $(patsubst asm/%.S,$(B)/obj/asm/%.o,$(wildcard asm/*/*.S))
EXAMPLES := $(patsubst examples/%.cpp,$(B)/%$(EXE),$(wildcard examples/*.cpp))
TESTS    := $(patsubst tests/%.cpp,$(B)/%$(EXE),$(wildcard tests/test_*.cpp))
PASSES   := avx512 avx2 scalar neon
PARTS    := $(addsuffix .o,$(PASSES) dispatch)
HOOKED   := hooks $(PASSES:%=pass_%)
HELPERS  := $(patsubst tests/%,$(B)/obj/tests/%.o,$(basename $(wildcard tests/*.S))) $(HOOKED:%=$(B)/obj/tests/%.o)

ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

.PHONY: all shared asm examples tests run test test-build test-cross mca bench install uninstall clean deps emulator
all: $(LIB)
shared: $(SHARED)
asm: $(ASM)
examples: $(EXAMPLES)
tests: $(TESTS)

# ---- another machine: the emulator for its programs, and either the libraries they need or none -----------------------
STATIC   := $(if $(WINDOWS),-static)
ifneq ($(CROSS),)
MACHINE  := $(firstword $(subst -, ,$(TARGET)))
ifeq ($(origin RUN),undefined)
ifneq ($(WINDOWS),)
RUN      := $(shell command -v wine >/dev/null || ! command -v wine64 >/dev/null && echo wine || echo wine64)
else ifneq ($(MACHINE),$(shell uname -m))
SYSROOT  := $(firstword $(foreach d,/usr/$(CROSS:-=) $(filter-out /,$(shell $(CXX) -print-sysroot)),$(if $(wildcard $d/lib/ld-* $d/lib64/ld-*),$d)))
STATIC   := $(if $(SYSROOT),,-static)
RUN      := qemu-$(patsubst arm%,arm,$(patsubst i%86,i386,$(patsubst powerpc%,ppc%,$(MACHINE)))) $(SYSROOT:%=-L %)
endif
endif
endif
EMULATED := $(filter qemu-%,$(notdir $(firstword $(RUN))))
emulator:
	@$(if $(RUN),command -v $(firstword $(RUN)) >/dev/null || { \
	    echo "no $(firstword $(RUN)) to run these programs with: install $(if $(EMULATED),qemu-user,it)$(comma) or set RUN" >&2; exit 1; })

# ---- objects: rebuilt when the compiler or its flags change -----------------------------------------------------------
STAMP := $(B)/obj/flags
$(shell mkdir -p $(B)/obj; echo '$(CXX) $(FLAGS) $(LDFLAGS)' | cmp -s - $(STAMP) || echo '$(CXX) $(FLAGS) $(LDFLAGS)' >$(STAMP))

COMPILE = @mkdir -p $(@D) && echo "$(CXX) $@" && $(CXX) $(FLAGS) $(CPP) $(WARNINGS)

$(B)/obj/asm/%.o: asm/%.S $(STAMP)
	$(COMPILE) -c $< -o $@
$(B)/obj/tests/%.o: tests/%.S $(STAMP)
	$(COMPILE) -c $< -o $@
PART     = @mkdir -p $(@D) && printf '\#%s\n' 'define GLLM_KERNELS_ONLY_PASS $(basename $(@F:pass_%=%))' 'define GLLM_KERNELS_IMPLEMENTATION' 'include "$1"' >$(@:.o=.cpp)
$(PARTS:%=$(B)/obj/library/%) $(PARTS:%=$(B)/obj/shared/%): gllm_kernels.hpp $(STAMP)
	$(call PART,gllm_kernels.hpp)
	$(COMPILE) -DGLLM_KERNELS_THREADS $(if $(findstring shared,$@),-DGLLM_KERNELS_SHARED) -c $(@:.o=.cpp) -o $@
$(B)/obj/examples/%.o: examples/%.cpp $(STAMP)
	$(COMPILE) -c $< -o $@
$(B)/obj/bench/%.o: bench/%.cpp $(STAMP)
	$(COMPILE) -DGLLM_KERNELS_THREADS -c $< -o $@
$(B)/obj/bench/hooks.o: tests/hooks.cpp $(STAMP)
	$(COMPILE) -DGLLM_KERNELS_THREADS -c $< -o $@
$(PASSES:%=$(B)/obj/bench/pass_%.o): tests/implementation.hpp $(STAMP)
	$(call PART,implementation.hpp)
	$(COMPILE) -DGLLM_KERNELS_THREADS -Itests -c $(@:.o=.cpp) -o $@
TAKEN    := $(if $(WINDOWS),,-Dnear= -Dfar=)    # names, by Windows
TESTED   := -DGLLM_KERNELS_THREADS $(if $(SAN)$(NATIVE),,-DGLLM_KERNELS_EMULATE) $(TAKEN) -Itests -isystem build/deps
$(PASSES:%=$(B)/obj/tests/pass_%.o): tests/implementation.hpp $(STAMP) | deps
	$(call PART,implementation.hpp)
	$(COMPILE) $(TESTED) -c $(@:.o=.cpp) -o $@
$(B)/obj/tests/hooks.o: WARNINGS += -Wno-psabi  # emulated vectors pass between functions of one file
$(B)/obj/tests/%.o: tests/%.cpp $(STAMP) | deps
	$(COMPILE) $(TESTED) $(if $(filter test_%,$*),$(if $(SAN),-O0,-O1)) -c $< -o $@

# ---- archives and programs --------------------------------------------------------------------------------------------
$(LIB): $(PARTS:%=$(B)/obj/library/%) $(ASM)
$(B)/obj/asm.a: $(ASM)
$(B)/obj/tests.a: $(HELPERS) $(ASM)
$(LIB) $(B)/obj/asm.a $(B)/obj/tests.a:
	@rm -f $@ && echo "$(AR) $@" && $(AR) qcs $@ $^

ifneq ($(WINDOWS),)
SHARED_LINK := -static -Wl,--out-implib,$(B)/$(SO).a
else ifneq ($(findstring darwin,$(TARGET)),)
SHARED_LINK := -Wl,-install_name,@rpath/$(SONAME)
else
SHARED_LINK := -Wl,-soname,$(SONAME)
endif
$(SHARED): $(PARTS:%=$(B)/obj/shared/%) $(ASM)
	@echo "link $@" && $(CXX) $(FLAGS) $(filter-out -static,$(LDFLAGS)) -shared $(SHARED_LINK) $^ -o $@ $(LIBS)
	$(if $(WINDOWS),,@ln -sf $(SOFILE) $(B)/$(SONAME) && ln -sf $(SONAME) $(B)/$(SO))

LINK = @echo "link $@" && $(CXX) $(FLAGS) $(LDFLAGS) $(STATIC) $^ -o $@ $(LIBS)
$(EXAMPLES): $(B)/%$(EXE): $(B)/obj/examples/%.o $(B)/obj/asm.a
	$(LINK)
$(TESTS): $(B)/%$(EXE): $(B)/obj/tests/%.o $(B)/obj/tests.a
	$(LINK)
$(B)/bench$(EXE): $(B)/obj/bench/bench.o $(LIB)
	$(LINK)
$(B)/model$(EXE) $(B)/compiler$(EXE): $(B)/%$(EXE): $(B)/obj/bench/%.o $(B)/obj/asm.a
	$(LINK)
$(B)/kernels$(EXE): $(B)/obj/bench/kernels.o $(HOOKED:%=$(B)/obj/bench/%.o) $(ASM)
	$(LINK)

# ---- what one runs ----------------------------------------------------------------------------------------------------
run: $(B)/generate$(EXE) | emulator
	$(ENV) $(RUN) $< $(MODEL) -p "In the beginning"
AMX      := $(shell grep -qsw amx_int8 /proc/cpuinfo && echo -amx_int8 -amx)
LESSER   := $(if $(findstring x86_64,$(TARGET)),$(AMX) -amx$(comma)-vnni$(comma)-avx_vnni) $(if $(findstring aarch64,$(TARGET)),-i8mm -i8mm$(comma)-dotprod)
test: $(TESTS) | emulator                       # products once more without the newer features of this CPU: they take longest
	@$(ENV) RUN="$(RUN)" tests/build/run.sh $(if $(ISA),,$(foreach t,matmul gemm,$(addprefix $(B)/test_$t$(EXE)@,$(LESSER)))) $^
test-build: deps
	@tests/build/all.sh $(CXX)
test-cross: deps
	@tests/build/cross.sh $(ONLY)
mca:
	@tests/build/mca.sh $(OP)
BENCHES  := $(if $(filter gk_%,$(OP)),,bench) $(if $(filter-out gk_%,$(OP))$(ISA)$(ELEM)$(SHAPE)$(THREADS)$(EMULATED),,kernels)
bench: $(BENCHES:%=$(B)/%$(EXE)) | emulator
	$(if $(filter bench,$(BENCHES)),@$(RUN) $(B)/bench$(EXE) $(if $(EMULATED),--emulator $(EMULATED)) $(if $(OP),--op $(OP)) $(if $(ISA),--isa $(ISA)) $(if $(ELEM),--elem $(ELEM)) $(if $(SHAPE),--shape $(SHAPE)) \
	    $(if $(THREADS),--threads $(THREADS)) $(if $(QUICK),--quick) $(if $(JSON),--json $(JSON)))
	$(if $(filter kernels,$(BENCHES)),@$(RUN) $(B)/kernels$(EXE) $(OP))
deps:
	@tests/build/need.sh doctest simde
clean:
	rm -rf $(B)

# ---- install: the files of `cmake --install`, whose texts are in CMakeLists.txt ------------------------------------------
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     := $(PREFIX)/bin
DOCDIR     := $(PREFIX)/share/doc/gllm_kernels
PACKAGE    := $(LIBDIR)/cmake/gllm_kernels
PKGCONFIG  := $(LIBDIR)/pkgconfig
INSTALLED  := $(INCLUDEDIR)/gllm_kernels.hpp $(DOCDIR)/LICENSE $(LIBDIR)/libgllm_kernels.a $(if $(WINDOWS),\
    $(BINDIR)/$(SO) $(LIBDIR)/$(SO).a,$(addprefix $(LIBDIR)/,$(SOFILE) $(SONAME) $(SO))) $(PACKAGE)/gllm_kernels-config.cmake \
    $(PACKAGE)/gllm_kernels-config-version.cmake $(PKGCONFIG)/gllm_kernels.pc $(PKGCONFIG)/gllm_kernels_shared.pc

# A directory as seen from LIBDIR, so that an installed tree may move; as it is where one of the two is outside PREFIX.
from_lib    = $(if $(filter-out $(PREFIX)/%,$(LIBDIR) $1),$1,$(shell echo $(LIBDIR:$(PREFIX)/%=%) | sed 's|[^/][^/]*|..|g')/$(1:$(PREFIX)/%=%))
INCLUDE    := $(call from_lib,$(INCLUDEDIR))
# text NAME FILE [LIBRARY DEFINITIONS]
text        = sed -n '/^set($1 \[=\[$$/,/^\]=\])/{//!p;}' CMakeLists.txt | sed -e 's|@version@|$(VERSION)|' -e 's|@include@|$(INCLUDE)|' \
    -e 's|@pc_include@|$(if $(filter /%,$(INCLUDE)),,$${libdir}/)$(INCLUDE)|' -e 's|@archive@|libgllm_kernels.a|' -e 's|@import@|$(SO).a|' \
    -e 's|@shared@|$(if $(WINDOWS),$(call from_lib,$(BINDIR))/)$(SO)|' -e 's|@soname@|$(if $(findstring darwin,$(TARGET)),@rpath/)$(SONAME)|' \
    -e 's|@name@|$3|' -e 's|@definitions@|$4|' >$(DESTDIR)$2

install: $(LIB) $(SHARED)
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	install -m 644 gllm_kernels.hpp $(DESTDIR)$(INCLUDEDIR)
	install -m 644 LICENSE $(DESTDIR)$(DOCDIR)
	install -m 644 $(LIB) $(if $(WINDOWS),$(B)/$(SO).a) $(DESTDIR)$(LIBDIR)
	install -m 755 $(SHARED) $(DESTDIR)$(if $(WINDOWS),$(BINDIR),$(LIBDIR))
	$(if $(WINDOWS),,@ln -sf $(SOFILE) $(DESTDIR)$(LIBDIR)/$(SONAME) && ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/$(SO))
	@$(call text,config,$(PACKAGE)/gllm_kernels-config.cmake)
	@$(call text,config_version,$(PACKAGE)/gllm_kernels-config-version.cmake)
	@$(call text,pkg_config,$(PKGCONFIG)/gllm_kernels.pc,gllm_kernels,-DGLLM_KERNELS_THREADS)
	@$(call text,pkg_config,$(PKGCONFIG)/gllm_kernels_shared.pc,gllm_kernels_shared,-DGLLM_KERNELS_SHARED -DGLLM_KERNELS_THREADS)
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-@rmdir $(DESTDIR)$(PACKAGE) $(DESTDIR)$(DOCDIR) 2>/dev/null || true

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
