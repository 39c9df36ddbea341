#!/bin/bash
# installed: what make install brings besides the programs, given to those it is for:
# systemd, mandoc, bash, zsh.
. "$(dirname "$0")/../lib.sh"

# In $dir/usr; the configuration would be in $dir/etc.
installed() {
	make -s -C "$root" install PREFIX="$dir/usr" SYSCONFDIR="$dir/etc" >make.out 2>&1
	units=$dir/usr/lib/systemd/system
}

needs() { # PROGRAM...
	local p
	PATH=$PATH:/usr/sbin:/sbin
	for p in "$@"; do
		command -v "$p" >/dev/null || skip "$p is not installed"
	done
}

harden() { # as its first lines say
	local unit
	for unit in everleaf everleaf-renew; do
		mkdir -p "$units/$unit.service.d"
		cp usr/share/everleaf/hardened.conf "$units/$unit.service.d/"
	done
}

setting() { # NAME: its words in the drop-in
	sed -n "s/^$1=//p" "$root/etc/hardened.conf" | tr '\n' ' '
}

# -- systemd --

understood() { # systemd says nothing of them but what a comment in them explains
	SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no \
		"$units/everleaf.service" "$units/everleaf.socket" "$units/everleaf-renew.timer" >said 2>&1 || :
	grep "^$units" said >ours || :
	sed -i '/Failed to parse service type, ignoring: notify-reload/d' ours
	is "" "$(cat ours)"
}

test_the_units_are_what_systemd_understands() {
	needs systemd-analyze
	installed
	understood
	harden
	understood
}

exposure() { # UNIT: in tenths
	systemd-analyze security --offline=true --root="$dir/fake" "$1" |
		sed -n 's/.*exposure level for [^:]*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}

test_hardened_they_are_exposed_to_little() {
	local unit
	needs systemd-analyze
	installed
	harden
	mkdir -p fake/etc/systemd
	cp -r "$units" fake/etc/systemd/system
	for unit in everleaf.service everleaf-renew.service; do
		[ "$(exposure $unit)" -le 27 ] || fail "$unit: $(exposure $unit) tenths"
	done
}

# The system calls that a set of systemd's names has, and those of the sets in it.
calls_of() { # NAME...
	local name
	for name in "$@"; do
		case $name in
		@*) calls_of $(systemd-analyze syscall-filter "$name" |
			sed -n 's/^ *\([@a-z][a-z0-9_-]*\).*/\1/p' | grep -vxF -e "$name") ;;
		*) echo "$name" ;;
		esac
	done
}

# A run with everything in it, as one that is due, with a hook of another user.
hardened_run() { # PREFIX of the command...
	mkdir by
	chmod 777 by
	hook mark <<-'H'
	id -u >"$dir/by/$1"
	H
	touch mark.ran
	chmod 666 mark.ran
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "mark";
		files = ( { path = "$dir/by/www.pem"; content = "combined"; owner = "nobody"; } ); } );
	hooks = ( $(hook_config mark 'user = "nobody";') );
	C
	expect 0 "$@" "$BUILD/everleaf" -c "$dir/everleaf.conf" renew
	is 1 "$(live www)"
	is "$(id -u nobody) $(id -u nobody)" "$(cat by/run) $(stat -c %u by/www.pem)"
}

test_hardened_nothing_that_runs_lacks_a_capability() {
	is_root || skip "only root has capabilities to lose"
	needs setpriv
	hardened_run setpriv --no-new-privs \
		--bounding-set="-all$(setting CapabilityBoundingSet | sed 's/ *CAP_/,+/g; s/ *$//' | tr 'A-Z' 'a-z')"
}

test_hardened_nothing_that_runs_makes_another_system_call() {
	is_root || skip "only root has users to change to"
	needs strace systemd-analyze
	hardened_run strace -f -qq -o "$dir/trace"
	sed -n 's/^[0-9]* *\([a-z][a-z0-9_]*\)(.*/\1/p' trace | sort -u >made
	[ "$(wc -l <made)" -gt 50 ] || fail "only $(wc -l <made) system calls"
	calls_of $(setting SystemCallFilter | tr ' ' '\n' | sed '/^~/d') | sort -u >listed
	calls_of $(setting SystemCallFilter | tr ' ' '\n' | sed -n 's/^~//p') | sort -u >refused
	comm -23 listed refused >granted
	is "" "$(comm -23 made granted | tr '\n' ' ')"
	grep -oE ' socket(pair)?\(AF_[A-Z0-9]*' trace | sed 's/.*(//' | sort -u >made
	setting RestrictAddressFamilies | tr ' ' '\n' | sort -u >granted
	is "" "$(comm -23 made granted | tr '\n' ' ')"
}

test_users_and_folders_are_made_as_they_are_configured() {
	is_root || skip "only root makes users"
	needs systemd-sysusers systemd-tmpfiles
	installed
	mkdir -p fake/etc
	systemd-sysusers --root="$dir/fake" "$dir/usr/lib/sysusers.d/everleaf.conf" 2>said
	is "everleaf everleaf-keeper everleaf-net" "$(grep -o '^everleaf[^:]*' fake/etc/passwd | sort | tr '\n' ' ' | sed 's/ $//')"
	systemd-tmpfiles --root="$dir/fake" --create "$dir/usr/lib/tmpfiles.d/everleaf.conf" 2>said
	is "755 0 0" "$(stat -c '%a %u %g' fake/var/lib/everleaf)"
	is "750 0 $(sed -n 's/^everleaf:[^:]*:\([0-9]*\):.*/\1/p' fake/etc/group)" \
		"$(stat -c '%a %u %g' fake/run/everleaf)"
}

# -- manuals --

test_the_manuals_are_clean() {
	needs mandoc
	installed
	# It knows of no manual but those of this machine; how wide a line of the source is
	# nobody sees.
	mandoc -Tlint usr/share/man/man*/* >said 2>&1 || :
	sed -i '/referenced manual not found/d; /outdated mandoc.db/d; /line longer than 80/d' said
	is "" "$(cat said)"
	is 3 "$(ls usr/share/man/man*/* | wc -l)"
}

# -- ready-made hooks --

test_each_hook_that_is_brought_is_there_by_its_name_and_in_the_manual() {
	local names name
	installed
	names=$(ls usr/share/everleaf/hooks)
	is "apache ca-certificates dovecot haproxy mosquitto postfix postgresql" "$(echo $names)"
	for name in $names; do
		grep -qxF ".It Pa $name" usr/share/man/man7/everleaf-hooks.7 || fail "$name is not in the manual"
		config <<-C
		certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "$name"; } );
		C
		expect 0 usr/sbin/everleaf -c everleaf.conf check
	done
}

# -- completion --

# What becomes of a line in bash when Tab is pressed; with all: all that it may become.
bash_line() { # TEXT [all]
	PATH=$BUILD:$PATH "$root/tests/tools/typed" bash \
		". $root/etc/completion.bash" "$@"
}

named() { # certificates and issuers
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; },
		{ name = "mail"; names = "mail.example.org"; issuer = "ca";
		  challenge = { type = "http-01"; listen = "127.0.0.1:1"; }; } );
	issuers = ( { name = "ca"; type = "acme"; url = "https://ca.example.org/directory"; } );
	C
}

test_bash_completes_what_the_table_of_commands_has() {
	local word
	is "everleaf renew " "$(bash_line "everleaf ren")"
	is "everleaf renew revoke " "$(bash_line "everleaf re" all)"
	is "everleaf renew --dry-run " "$(bash_line "everleaf renew --d")"
	is "everleaf revoke www --reason keyCompromise " "$(bash_line "everleaf revoke www --reason k")"
	is "everleaf ca local crl init revoke rollover sign " "$(bash_line "everleaf ca local " all)"
	is "everleaf -v help status " "$(bash_line "everleaf -v help st")"
	"$BUILD/everleaf" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort >told
	bash_line "everleaf " all | tr ' ' '\n' | sed '1d; /^$/d' | sort >completed
	is "" "$(comm -3 told completed | tr '\n' ' ')"
	for word in $(cat told); do
		"$BUILD/everleaf" help "$word" | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | sort >told
		[ ! -s told ] || bash_line "everleaf $word --" all | tr ' ' '\n' |
			sed '1,2d; /^$/d' | sort | diff told - || fail "options of $word"
	done
}

test_bash_completes_names_of_the_configuration_and_asks_nobody() {
	named
	is "everleaf -c $dir/everleaf.conf renew mail www " \
		"$(bash_line "everleaf -c $dir/everleaf.conf renew " all)"
	is "everleaf -c $dir/everleaf.conf renew www mail " \
		"$(bash_line "everleaf -c $dir/everleaf.conf renew www m")"
	is "everleaf -c $dir/everleaf.conf account ca " \
		"$(bash_line "everleaf -c $dir/everleaf.conf account c")"
	is "everleaf -c $dir/everleaf.conf ca local " \
		"$(bash_line "everleaf -c $dir/everleaf.conf ca ")"
	[ ! -e state ]
	strace -f -qq -e trace=connect -o trace "$BUILD/everleaf" complete -c "$dir/everleaf.conf" renew '' >words
	says words www
	not grep -q 'connect(.*AF_INET' trace
}

test_bash_completes_files_where_files_are_meant() {
	touch request.csr
	is "everleaf ca local sign $dir/request.csr " "$(bash_line "everleaf ca local sign $dir/req")"
	is "everleaf -c $dir/request.csr " "$(bash_line "everleaf -c $dir/req")"
}

test_a_configuration_that_is_not_valid_has_no_names_and_says_nothing() {
	echo nonsense >everleaf.conf
	is "everleaf -c $dir/everleaf.conf renew w" "$(bash_line "everleaf -c $dir/everleaf.conf renew w")"
}

test_zsh_completes_as_well() {
	local setup
	needs zsh
	named
	mkdir functions
	cp "$root/etc/completion.zsh" functions/_everleaf
	setup="fpath=($dir/functions \$fpath); autoload -U compinit; compinit -u -D"
	zsh_line() {
		PATH=$BUILD:$PATH "$root/tests/tools/typed" zsh "$setup" "$1"
	}
	is "everleaf renew" "$(zsh_line "everleaf ren")"
	is "everleaf -c $dir/everleaf.conf renew www" "$(zsh_line "everleaf -c $dir/everleaf.conf renew w")"
	is "everleaf -c $dir/everleaf.conf" "$(zsh_line "everleaf -c $dir/everleaf.c")"
}

run_tests "$@"
