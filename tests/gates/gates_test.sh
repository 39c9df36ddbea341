#!/bin/bash
# The gates let a good tree pass, and each fails on an offence planted in it.
set -u
gates=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d "${TMPDIR:-/tmp}/gates.XXXXXX")
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 1
unset LANG_FLAGS

plant_good() {
	rm -rf base store acme ca hooks agent tests build
	mkdir -p base store acme ca hooks agent/{role,keeper,worker} tests/base tests/gates
	cp "$gates/../../.clang-format" .
	cp "$gates/analyze.h" tests/gates/
	printf '#pragma once\n' >base/mem.h
	cp base/mem.h base/buf.h
	cp base/mem.h base/err.h
	cp base/mem.h base/key.h
	cat >base/good.h <<'C'
/* good: as it should be. */
#pragma once

int good_sum(const int *n, int count); /* goto and system() are words here */
C
	cat >base/good.c <<'C'
#include "base/good.h"

static const char *const words[] = { "time(", "strcpy(", "\"%s\": a name" };

/* = RFC 8555 6.5 "a sentence" [badNonce] */
int good_sum(const int *n, int count)
{
	int sum = words[0][0];

	for (int i = 0; i < count; i++)
		if (n[i] > 0)
			sum += n[i];
		else if (n[i] < -1)
			sum -= n[i];
	return sum;
}
C
	printf '/* RFC 8555 6.5 [badNonce] */\n' >tests/base/good_test.c
}

try() { # GATE: its status
	"$gates/$1" >out 2>&1 </dev/null
}

good() { # GATE
	plant_good
	try "$1"
	case $? in
	0) echo "ok $1: a good tree passes" ;;
	77) echo "skip $1: $(cat out)" ;;
	*) echo "not ok $1: a good tree passes: $(head -n 3 out | tr '\n' ' ')" ;;
	esac
}

bad() { # GATE FILE TEXT: an offence, added to the file, that the gate must name
	plant_good
	printf "$3\n" >>"$2"
	try "$1"
	case $? in
	0) echo "not ok $1: refuses ${4:-$3}: it passed" | head -n 1 ;;
	77) echo "skip $1: $(cat out)" ;;
	*)
		if grep -q "$2" out; then
			echo "ok $1: refuses ${4:-$3}" | head -n 1
		else
			echo "not ok $1: refuses ${4:-$3}: it does not name $2" | head -n 1
		fi ;;
	esac
}

repeat() { # N TEXT
	for ((i = 0; i < $1; i++)); do printf '%s\\n' "$2"; done
}

in_function() { # TEXT
	printf 'int f(int a, int b);\\nint f(int a, int b)\\n{\\n%s\\n}' "$1"
}

for gate in layers banned sizes format headers analyze rfc; do
	good $gate
done

bad layers base/a.c '#include "agent/role/log.h"'
bad layers base/a.h '#include "store/place.h"'
bad layers acme/a.c '#include "ca/local.h"'
bad layers store/a.c '#  include "hooks/env.h"'
bad layers agent/a.c '#include "tests/scratch.h"'
bad layers agent/worker/a.c '#include "agent/keeper/keeper.h"'
bad layers agent/role/a.h '#include "agent/agent.h"'
bad layers base/good.h '#include "good.h"' 'an include without its room'
plant_good
echo 'int main(void) { return 0; }' >main.c
mkdir build
if gcc main.c -Wl,--no-as-needed -lssl -o build/everleaf 2>/dev/null && ! try layers &&
	grep -q 'build/everleaf: needs libssl' out; then
	echo "ok layers: refuses libssl in everleaf"
else
	echo "not ok layers: refuses libssl in everleaf: it passed"
fi
mv build/everleaf build/everleaf-probe
if try layers; then
	echo "ok layers: lets everleaf-probe need libssl"
else
	echo "not ok layers: lets everleaf-probe need libssl: $(cat out)"
fi
mkdir -p build/agent/keeper
echo 'int keeper_signs(void); int keeper_signs(void) { return 0; }' >keeper.c
gcc -c keeper.c -o build/agent/keeper/keeper.o
gcc main.c build/agent/keeper/keeper.o -o build/everleaf-agent
if ! try layers && grep -q 'build/everleaf-agent: has of build/agent/keeper/ keeper_signs' out; then
	echo "ok layers: refuses the keeper in everleaf-agent"
else
	echo "not ok layers: refuses the keeper in everleaf-agent: it passed"
fi
mv build/everleaf-agent build/everleaf-keeper
if try layers; then
	echo "ok layers: lets everleaf-keeper be one"
else
	echo "not ok layers: lets everleaf-keeper be one: $(cat out)"
fi

for call in strcpy strcat sprintf gets strtok atoi sscanf gmtime localtime alloca system popen \
	malloc calloc realloc strdup time fork posix_spawn sleep usleep nanosleep; do
	bad banned base/good.c "void f(void) { $call (1); }" "$call()"
done
bad banned base/good.c 'void f(void) { goto out; out: ; }' goto
bad banned base/good.c 'typedef struct s { int a; } s_t;' 'a typedef of a struct'
bad banned base/good.c 'void f(void) { signal(SIGINT, on_int); }' 'a signal handler'
bad banned base/good.c 'struct sigaction a = { .sa_handler = on_int };' 'a sigaction handler'
bad banned base/good.c 'const char *f = "{\\"a\\": %%d}";' 'JSON by printf'
bad banned base/good.c 'const char *f = ", \\"a\\": %%d";' 'a JSON field by printf'

bad sizes base/good.c "$(in_function "$(repeat 60 '	a++;')")" 'a function of 63 lines'
bad sizes base/good.c "$(in_function "$(repeat 99 '	case 1:')")" 'a table of 102 lines'
bad sizes base/good.c "$(repeat 500 '')" 'a file of more than 500 lines'
bad sizes base/good.h "$(repeat 200 '')" 'a header of more than 200 lines'
bad sizes base/good.c 'int f(int a, int b, int c, int d, int e1, int g, int h, void (*i)(int, int), struct err *e)\n{\n}' 'eight parameters'
bad sizes base/good.c "$(in_function 'if (a) for (;;) while (b) if (b) a++;')" 'four levels'
bad sizes base/good.c "$(in_function 'if (a) { } else { do { switch (b) { case 1: if (b) a++; } } while (a); }')" 'four levels of other kinds'
bad sizes base/good.c "$(in_function 'if (a) for (;;) while (b) each(b, a) { a++; }')" 'a loop by macro at the fourth level'
bad sizes base/good.c 'static int counter;' 'a variable'
bad sizes base/good.c 'static struct { int a; } now = { 1 };' 'a variable without a name for its type'
bad sizes base/good.c 'static const char *names[] = { "a" };' 'a table whose pointers change'
bad sizes base/good.c "$(in_function '	static int seen = 1;')" 'a static in a function'
plant_good
cat >>base/good.c <<'C'
struct s {
	int (*run)(int a, int b);
};
enum { A, B };
extern const int x;
typedef int (*handler)(int);
static volatile sig_atomic_t stop;
static int helper(void);
static const struct s table[] = { { .run = 0 } };
static const char *const names[] = { "a" };
int f(int a, int b, int c, int d, int e1, int g, int h, struct err *e)
{
	static const int n = 3;
	static const struct {
		const char *word;
		int (*run)(int n);
	} checks[] = { { "n", 0 } };

	if (a)
		for (;;)
			while (b)
				a = (struct s){ .run = 0 }.run(c, ({ d; }));
	else if (b)
		for (;;)
			do
				a++;
			while (a);
	return n;
}
C
if try sizes; then
	echo "ok sizes: lets be what is within the limits"
else
	echo "not ok sizes: lets be what is within the limits: $(tr '\n' ' ' <out)"
fi

bad format base/good.c 'int  f( void );' 'two blanks'
bad format tests/base/good_test.c 'int  f( void );' 'two blanks in a test'
bad headers base/a.h 'size_t f(void);' 'a header that needs another first'
bad analyze base/a.c '#include <stdlib.h>\nint f(void);\nint f(void)\n{\n\tchar *p = malloc(1);\n\tfree(p);\n\tfree(p);\n\treturn 0;\n}' 'a double free'
bad analyze base/a.c 'int f(int n);\nint f(int n)\n{\n\tint a[2] = { 0 };\n\tfor (int i = 0; i < 3; i++)\n\t\ta[i] = n;\n\treturn a[0];\n}' 'a write past the end'
bad rfc base/a.c '/* = RFC 9110 15 "another sentence" */' 'a sentence without a test'
bad rfc base/a.c '/* = RFC 8555 6.5 "a\n * sentence" [badCSR] */' 'a tag without a test'

# Where a patch does not fit any more, its fault is not looked for (make planted).
stale=
for patch in "$gates"/../planted/*.patch; do
	patch --dry-run -sf -p1 -d "$gates/../.." <"$patch" >/dev/null 2>&1 || stale+=" ${patch##*/}"
done
if [ -z "$stale" ]; then
	echo "ok planted: each fault can be put in"
else
	echo "not ok planted: each fault can be put in: not$stale"
fi
