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
			/usr/bin/python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
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
	\x01
	\x07
	\x08
	\x0b
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
	is 17 $n
	is $n "$(grep -c 'hooks\.h[0-9]*\.run\[1\]: found .*, expected text without control characters, in UTF-8' err)"
	has_no '[^ -~]' <err
	hooks="{ name = \"h\"; run = [ \"true\", \"a\\x00b\" ]; },"
	odd=$dir end_config
	expect 2 everleaf check
	says err 'found \x00, which ends a string, expected text without control characters'
}

# A setting with a program, and what may be wrong with one; all are told at once.
test_what_is_no_program_is_an_error_of_configuration() {
	local fault words n=0
	odd_place
	begin_config
	while IFS='@' read -r fault words; do
		for_each_row add_faulty "$fault" "$words"
	done <<-'F'
	missing@No such file or directory
	folder@it cannot be executed
	mode-644@it cannot be executed
	mode-666@it cannot be executed
	mode-757@others can change it
	in-open-folder@others can change it
	by-relative-path@expected an absolute path
	F
	url=https://localhost:1/ trust=$dir/ca.pem
	end_config
	expect 2 everleaf check
	while IFS=$'\t' read -r file words; do
		[ -n "$(grep -F -- "$(basename "$file")\"" err | grep -F -- "$words")" ] || fail "nothing says of $file: $words"
	done <faulty
	[ ! -e pwned ] && [ ! -e state ]
}

# One row for each setting. (A file of acme.sh is not executed.)
add_faulty() { # FAULT WORDS
	local me=$name-$1 file words
	case $name in
	run | test | own | cleanup | acme-sh | exec) program "$me" <<<answer ;;
	*) return 0 ;;
	esac
	case $1 in
	missing) rm "$file" ;;
	folder) rm "$file"; mkdir "$file" ;;
	mode-*) chmod "${1#mode-}" "$file" ;;
	in-open-folder) mkdir -p "$odd/open"; chmod 777 "$odd/open"; mv "$file" "$odd/open/"; file=$odd/open/${file##*/} ;;
	by-relative-path) file=../${file##*/} ;;
	esac
	add "$me" "$(dq "$file")"
	case $dialect-$1 in
	acme.sh-mode-644) words= ;;
	acme.sh-mode-666) words="others can change it" ;;
	acme.sh-folder) words="it is no file" ;;
	acme.sh-by-relative-path) words="expected the path of a file dnsapi/dns_xx.sh" ;;
	*) words=$2 ;;
	esac
	[ -z "$words" ] || printf '%s\t%s\n' "$file" "$words" >>faulty
}

test_a_name_is_plain_or_refused() {
	local word n=0
	certificates= issuers= hooks=
	while IFS= read -r word; do
		certificates+="{ name = $(dq "$word"); names = \"n$((n += 1)).example.org\"; issuer = \"local\"; },"
	done <<-'W'
	-rf
	a b
	$(id)
	`id`
	a;b
	a/b
	../a
	.a
	*
	a=b
	a'b
	a"b
	é
	%n
	W
	odd=$dir end_config
	expect 2 everleaf check
	is $n "$(grep -c 'expected a name of 1 to 200 characters' err)"
	certificates= n=0
	while IFS= read -r word; do
		certificates+="{ name = \"n$((n += 1))\"; names = $(dq "$word"); issuer = \"local\"; },"
	done <<-'W'
	-rf.example.org
	a b.example.org
	$(id).example.org
	`id`.example.org
	a;b.example.org
	a/b.example.org
	*.*.example.org
	a=b.example.org
	%n.example.org
	a..example.org
	W
	odd=$dir end_config
	expect 2 everleaf check
	is $n "$(grep -c 'certificates\.n[0-9]*\.names: found' err)"
}

# What looks like something and is a name.
test_a_name_that_may_be_arrives_as_it_is() {
	local word
	hook web <<<'env >"$dir/said.$EVERLEAF_NAME"'
	certificates= issuers= hooks="$(hook_config web "on_failure = \"keep\";" | sed 's/test = [^;]*;//'),"
	odd=$dir
	for word in PATH LD_PRELOAD IFS _ 0 a-rf a.b--; do
		certificates="{ name = \"$word\"; names = [ \"bücher.example\", \"*.example.org\", \"xn--mnchen-3ya.example\" ]; issuer = \"local\"; hooks = \"web\"; },"
		rm -rf state
		end_config
		expect 0 everleaf renew
		says "said.$word" "EVERLEAF_NAME=$word"
		says "said.$word" "EVERLEAF_DIR=$dir/state/live/$word"
		says "said.$word" "RENEWED_DOMAINS=xn--bcher-kva.example *.example.org xn--mnchen-3ya.example"
	done
}

# -- what comes from a CA --

test_no_program_sees_a_token_that_is_none() {
	local token n=0
	odd_place
	while IFS= read -r token; do
		for i in 0 1 2; do
			echo "authz $((n += i == 0)) set challenges.$i.token \"$token\""
		done
	done >tokens <<-'W'
	$(touch /tmp/pwned)aaaaaaaaaaaaaaa
	`touch /tmp/pwned`aaaaaaaaaaaaaaaaa
	../../../../../../etc/cron.d/aaaaaa
	aaaaaaaaaaaaaaaaaaaaaaaaaa/aaaaaaaa
	aaaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaa
	aaaaaaaaaaaaaaaaaaaaaaaa\naaaaaaaaa
	aaaaaaaaaaaaaaaaaaaaaaa\u001b[31maa
	aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u0000
	aaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaa
	aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=
	aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaé
	-rf
	W
	start_ca <tokens
	begin_config
	for_each_row add_who_runs
	end_config
	expect 1 everleaf renew
	is 12 "$(grep -c '^everleaf: error: .*: failed: ordering: .*token' err)"
	is "" "$(ls said | grep -v '^odd$')"
}

add_who_runs() {
	local file
	case $where in
	challenge | cleanup) program "$name-run" <<<answer && add "$name-run" "$(dq "$file")" ;;
	esac
}

# -- what programs say --

by_corp() { # [SETTINGS], what it does on stdin
	{
		echo '#!/bin/sh'
		cat
	} >corp
	chmod 755 corp
	cat >tell <<-S
	#!/bin/sh
	cat /proc/\$\$/environ >"$dir/told"
	cat >"$dir/told.json"
	S
	chmod 755 tell
	config <<-C
	issuers = ( { name = "corp"; type = "exec"; program = "$dir/corp"; trust = "$dir/ca.pem"; ${1-} } );
	hooks = ( { name = "tell"; run = [ "$dir/tell" ]; on = "failed"; } );
	certificates = ( { name = "www"; names = "www.example.org"; issuer = "corp"; hooks = "tell"; } );
	C
}

# The last line of a program is in the words of a failure, which a hook is told.
test_what_a_program_says_last_is_data_for_a_hook() {
	local said='$(touch pwned)`touch pwned`;|&*"'"'"'%n \x é日 -rf'
	openssl_ca ca
	printf '%s \033[31m\001\177\r\n' "$said" >words
	by_corp <<<"cat '$dir/words' >&2; exit 3"
	expect 1 everleaf renew
	is "EVERLEAF_ERROR=ordering: corp: $dir/corp: it has failed: exited with 3: ${said/\\/\\\\} ?[31m??" \
		"$(grep -z ^EVERLEAF_ERROR= told | tr -d '\0')"
	is "ordering: corp: $dir/corp: it has failed: exited with 3: ${said/\\/\\\\} ?[31m??" "$(json certificates.0.error <told.json)"
	[ ! -e pwned ]
}

# EVERLEAF_HANDLE: whatever it is, but for what ends a line of others.
test_a_handle_comes_back_byte_for_byte_or_is_refused() {
	local dialect=everleaf bad status=75
	openssl_ca ca
	{ odd_words | sed -n 1,60p; printf '\ta\t\377\300\t'; odd_words | sed -n 61,73p; printf 'é'; } >handle
	for dialect in everleaf certmonger; do
		rm -rf state
		[ $dialect = everleaf ] || status=5
		by_corp "dialect = \"$dialect\";" <<-S
		case \$EVERLEAF_STEP\$CERTMONGER_OPERATION in
		submit | SUBMIT) echo 1; cat "$dir/handle"; exit $status ;;
		esac
		cat /proc/\$\$/environ >"$dir/polled"
		exit 3
		S
		expect 1 everleaf renew
		sed -zn 's/^EVERLEAF_HANDLE=//p; s/^CERTMONGER_CA_COOKIE=//p' polled | tr -d '\0' | cmp - handle
		for bad in '\001' '\033[31m' '\177' '\000'; do
			rm -rf state
			printf "1\\na${bad}b" >bad
			by_corp "dialect = \"$dialect\";" <<<"cat '$dir/bad'; exit $status"
			expect 1 everleaf renew
			says err "corp: $dir/corp: it says later, with a handle that has control characters"
		done
	done
}

# The kernel takes no longer one (MAX_ARG_STRLEN).
test_a_word_that_is_too_long_is_said() {
	hook web <<<'exit 0'
	certificates="{ name = \"www\"; names = \"localhost\"; issuer = \"local\"; hooks = \"web\"; },"
	issuers= hooks="{ name = \"web\"; run = [ \"$dir/web\", \"$(head -c 140000 /dev/zero | tr '\0' x)\" ]; },"
	odd=$dir end_config
	expect 1 everleaf renew
	says err "exited with 126: $dir/web: Argument list too long"
}

# It may be on purpose: sudo is one.
test_a_set_user_id_program_of_root_is_one() {
	is_root || skip "only root can make one"
	hook web <<<'"$dir/cat" /proc/self/status >"$dir/said/status"'
	cp "$(command -v cat)" cat
	chmod 4755 cat
	mkdir -m 1777 said
	www=$(hook_config web 'user = "61005";')
	certificates="{ name = \"www\"; names = \"localhost\"; issuer = \"local\"; hooks = \"web\"; }," issuers= hooks="$www,"
	touch web.ran
	chmod 666 web.ran
	odd=$dir end_config
	expect 0 everleaf renew
	is "61005 0" "$(awk '/^Uid:/ { print $2, $3 }' said/status)"
}

run_tests "$@"
