#!/bin/bash
# installed: what make install brings besides the programs, given to those it is for:
# bash, zsh.
. "$(dirname "$0")/../lib.sh"

needs() { # PROGRAM...
	local p
	PATH=$PATH:/usr/sbin:/sbin
	for p in "$@"; do
		command -v "$p" >/dev/null || skip "$p is not installed"
	done
}

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
	is "everleaf ca local crl init revoke sign " "$(bash_line "everleaf ca local " all)"
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
