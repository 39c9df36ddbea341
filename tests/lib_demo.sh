# lib_demo: what is shown to who reads along: steps, commands as they are typed, what they
# print, and what was checked. To be sourced after lib.sh.
#
# A demo needs no answers and no network, runs as root or as you, and leaves nothing behind.
# It ends with 0 only if everything that it claims was checked.

set -eE -o pipefail
begin=$SECONDS

dir=$(mktemp -d "${TMPDIR:-/tmp}/everleaf-demo.XXXXXX")
chmod 755 "$dir"
touch "$dir/why"

tidy() {
	local status=$?
	trap - ERR EXIT
	clean_up || status=1
	[ $status = 0 ] || printf '\nThe demo failed: %s\n' "$(cat "$dir/why")" >&2
	rm -rf "$dir"
	exit $status
}
trap tidy EXIT
trap 'exit 130' INT TERM
trap 'say_why "line $LINENO: $BASH_COMMAND"' ERR

bold() {
	if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
		printf '\033[1m%s\033[0m\n' "$*"
	else
		printf '%s\n' "$*"
	fi
}

number=0
step() { # WHAT
	number=$((number + 1))
	printf '\n'
	bold "$number. $*"
}

shown() { # a command as it is typed; it must succeed
	show 0 "$@"
}

as= # what is shown instead of a function's name

# everleaf is typed here as where its configuration has its usual place: without -c FILE.
show() { # STATUS COMMAND...: it must end with STATUS
	local want=$1 got=0
	shift
	printf '   $ %s\n' "${as:-$*}"
	"$@" >"$dir/out" 2>&1 </dev/null || got=$?
	sed 's/^/     /' "$dir/out"
	[ $got = "$want" ] || fail "$* ended with $got, not $want"
	[ $got = 0 ] || printf '     (exit status %s)\n' "$got"
}

good() { # WHAT was checked
	printf '   ok: %s\n' "$*"
}

nginx_serves() { # FILE: wait for its certificate; nginx takes its time to reload
	until_true 60 serves_leaf "$(leaf_of "$1")"
}

serves_leaf() { # SHA-256
	[ "$(served_leaf "$port")" = "$1" ]
}
