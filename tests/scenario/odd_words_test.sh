#!/bin/bash
# odd_words: what the programs of each dialect are given, and what they say themselves: whatever is
# in it arrives byte for byte, or is refused in words; no shell sees it, and nothing else arrives.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_dialects.sh"

# -- what a program is given --

does_look() { # at all that it was given
	declare -f inherited
	cat <<-'S'
	[ $call != 1 ] || {
		cat /proc/$$/cmdline >"$said/$me.argv"
		cat /proc/$$/environ >"$said/$me.environ"
		cat >"$said/$me.stdin"
		{
			echo "descriptors $(ls /proc/self/fd | xargs)"
			echo "$(pwd) $(umask) $(ulimit -c)"
			echo "$(id -u):$(id -g) $(id -G)"
			sed 's/.*) //' /proc/$$/stat | {
				read -r state parent group session terminal rest
				echo "$((group - $$)) $((session - $$)) $terminal"
			}
			inherited
		} >"$said/$me.place"
	}
	answer <"$said/$me.stdin"
	S
}

# The C library keeps two signals for itself, which nobody can change.
inherited() {
	sed -n 's/^SigIgn:.0000000180000000/SigIgn:	0000000000000000/; /^SigIgn\|^SigBlk/p' /proc/self/status
	grep -E '^(NoNewPrivs|Seccomp|CapInh|CapBnd|CapAmb):' /proc/self/status
}


# With everything that must not reach a program: descriptors, variables, signals that are ignored
# or blocked, a mask, a folder and a terminal.
everleaf_in_a_mess() {
	(
		umask 077
		export SECRET=s3cret EVERLEAF_NAME=other CERTBOT_TOKEN=other ENV=$dir/evil BASH_ENV=$dir/evil
		echo "touch $dir/pwned" >evil
		exec env --ignore-signal=USR1,HUP --block-signal=USR2,ALRM \
			python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
			"$BUILD/everleaf" -c "$dir/everleaf.conf" "$@" 8<evil 9>leak
	)
}

token=--help_-rf_-e_-c_LD_PRELOAD_eval_-n_PATH-_-

add_look() { # WORDS
	local me=$name-look file
	program "$me" < <(does_look)
	[ "$dialect" != acme.sh ] || set --
	add "$me" "$(dq "$file")${1-}" "$user"
	printf '%s\t' "$me" "$dialect" "$file" "$words" "$variables" >>looks
	echo >>looks
}

# What FILE must have, each word with a NUL behind it.
wanted_argv() { # ME DIALECT FILE WORDS
	local word tail
	IFS=, read -r -a tail <<<"$4"
	[ "$4" != - ] || tail=()
	case $2 in
	acme.sh)
		set -- "$1" "$odd/acme.sh" "$3" "dns_${1//-/_}_add"
		shift
		;;
	*)
		set -- /bin/sh "$3" "${given[@]}"
		;;
	esac
	printf '%s\0' "$@"
	for word in "${tail[@]}"; do
		word=${word//NAME/$me.example.org}
		printf '%s\0' "${word//+/ }"
	done
}

same_place() { # ME
	{
		echo "descriptors 0 1 2 3"
		echo "/ 0022 0"
		echo "$ids"
		echo "0 0 0"
		printf 'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n'
		inherited | sed 1,2d
	} | diff - "said/$1.place"
}

same_argv() { # ME DIALECT FILE WORDS
	sed -zE "s/$token|[A-Za-z0-9_-]{43}/SECRET/g" "said/$1.argv" >argv
	[ "$2" != acme.sh ] || { sed -z 1,3d argv >argv.new && mv argv.new argv; }
	wanted_argv "$@" | sed -zE "s/[A-Za-z0-9_-]{43}/SECRET/g" | cmp - argv
}

same_variables() { # ME NAMES
	local wanted
	wanted=$(printf '%s\n' EVERLEAF_RUN HOME LANG PATH $2 | sort)
	is "$wanted" "$(sed -zE 's/=.*//' "said/$1.environ" | tr '\0' '\n' | sort)"
	grep -zqx "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "said/$1.environ"
	grep -zqx LANG=C.UTF-8 "said/$1.environ"
	! grep -zqE "s3cret|=other" "said/$1.environ"
}

look_with() { # WORDS: in each dialect, at all
	local me what file words names
	odd_place
	start_ca <<<"$(for i in 0 1 2; do echo "authz * set challenges.$i.token \"$token\""; done)"
	begin_config
	for_each_row add_look "$1"
	end_config
	expect 0 everleaf_in_a_mess renew
	while IFS=$'\t' read -r me what file words names _; do
		same_place "$me" || fail "$me is at another place"
		same_argv "$me" "$what" "$file" "$words" || fail "$me has other arguments"
		same_variables "$me" "$names" || fail "$me has other variables"
	done <looks
	is 10 "$(grep -lzE -- "^([A-Z_]*=)?$token$" said/*.environ said/*.argv | wc -l)"
	[ ! -e pwned ]
}

test_every_word_arrives_byte_for_byte_in_every_dialect() {
	local given user= ids word words_given=
	ids="$(id -u):$(id -g) $(id -G)"
	! is_root || ids="0:0 0"
	readarray -t given < <(odd_words)
	for word in "${given[@]}"; do
		words_given+=", $(dq "$word")"
	done
	look_with "$words_given"
	is text "$(sed -zn 's/^CERTBOT_AUTH_OUTPUT=//p' said/cleanup-look.environ | tr -d '\0')"
}

test_a_program_of_a_user_has_nothing_of_ours_in_every_dialect() {
	is_root || skip "only root can become another"
	local given=() user='user = "61005";' ids="61005:61005 61005"
	look_with ""
}

# -- what is refused --

# Each in a hook of its own: all are told at once.
test_a_word_with_a_control_character_is_an_error_of_configuration() {
	local word n=0
	while read -r word; do
		hooks+="{ name = \"h$((n += 1))\"; run = [ \"true\", \"$word\" ]; },"
	done <<-'W'
	a\nb
	\n
	\r
	\t
	\f
	\a
	\b
	\v
	\x01
	\x08
	\x1b[31m
	\x7f
	\xc2\x80
	\xc2\x9b31m
	\xff
	\xc0\xaf
	\xed\xa0\x80
	\xe2\x82
	W
	issuers= certificates="{ name = \"www\"; names = \"localhost\"; issuer = \"local\"; },"
	odd=$dir end_config
	expect 2 everleaf check
	is 18 $n
	is $n "$(grep -c 'hooks\.h[0-9]*\.run\[1\]: found .*, expected text without control characters, in UTF-8' err)"
	has_no '[^ -~]' <err
}

run_tests "$@"
