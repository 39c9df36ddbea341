#!/bin/bash
# user: everything works for an ordinary user, all roles being that user. As root the
# cases are run as a user by number; otherwise as who runs them.
. "$(dirname "$0")/../lib.sh"

user=61006

# The programs where that user can reach them, wherever the tests are.
as_user() {
	local to=$dir/bin
	mkdir -p "$to"
	cp "$BUILD/everleaf" "$BUILD"/everleaf-* "$to"
	if is_root; then
		chown -R $user "$dir"
		exec_as=(setpriv --reuid $user --regid $user --clear-groups)
	else
		exec_as=()
	fi
}

everleaf() {
	"${exec_as[@]}" env -i PATH="$PATH" HOME="$dir/home" "$dir/bin/everleaf" "$@"
}

conf=home/.config/everleaf/everleaf.conf

home() {
	mkdir -p home/.config/everleaf home/tls
	cat >$conf
	as_user
}

live_of_user() {
	local to
	to=$(readlink "$dir/home/.local/state/everleaf/live/$1")
	echo $((10#${to##*/}))
}

test_the_configuration_and_the_state_are_below_the_home_of_the_user() {
	home <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	openssl verify -CAfile home/.local/state/everleaf/ca/local/root.pem \
		home/.local/state/everleaf/live/www/cert.pem
	is 600 "$(stat -L -c %a home/.local/state/everleaf/live/www/privkey.pem)"
	! is_root || is $user "$(stat -L -c %u home/.local/state/everleaf/live/www/privkey.pem)"
	expect 0 everleaf renew
	is "" "$(cat out err)"
}

test_the_whole_life_of_a_certificate_works() {
	hook web <<-'H'
	id -u >"$dir/id"
	H
	home <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web";
		files = ( { path = "$dir/home/tls/www.pem"; content = "combined"; } ); } );
	hooks = ( $(hook_config web) );
	C
	expect 0 everleaf renew
	! is_root || is $user "$(cat id)"
	is 600 "$(stat -c %a home/tls/www.pem)"
	expect 0 everleaf renew --force www
	is 2 "$(live_of_user www)"
	expect 0 everleaf rollback www
	is 1 "$(live_of_user www)"
	expect 0 everleaf status
	says out "rolled back"
	expect 0 everleaf renew --force www
	is 3 "$(live_of_user www)"
	expect 0 everleaf plan
	expect 0 everleaf history
	expect 0 everleaf check
	sed -i 's/name = "www"/name = "other"/' $conf
	expect 0 everleaf forget www
	[ ! -e home/.local/state/everleaf/archive/www ]
}

ends_with() { # STATUS WORDS...: it may have to wait for an agent that is busy
	local want=$1 got=0
	shift
	everleaf "$@" >out 2>err </dev/null || got=$?
	[ $got = "$want" ]
}

# Without the role that reads it nobody else knows what the configuration says.
test_an_agent_shows_and_does_what_it_has_read_until_somebody_writes_to_it() {
	home <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; },
		{ name = "api"; names = "api.example.org"; issuer = "local"; } );
	C
	"${exec_as[@]}" env -i PATH="$PATH" HOME="$dir/home" \
		"$dir/bin/everleaf" agent >agent.out 2>agent.err </dev/null &
	started $!
	until_true 60 test -e home/.local/state/everleaf/live/www -a \
		-e home/.local/state/everleaf/live/api
	mv bin/everleaf-config bin/away
	until_true 60 ends_with 0 status --json api
	is api "$(json certificates.0.name <out)"
	not json certificates.1.name <out
	until_true 60 ends_with 0 status www
	grep -q www out
	not grep -q api out
	until_true 60 ends_with 0 plan
	until_true 60 ends_with 0 history
	until_true 60 ends_with 4 status nobody
	expect 0 everleaf renew --force www
	says out "www: renewed, generation 2"
	expect 4 everleaf renew nobody
	is 1 "$(grep -c "no certificate has that name" err)"
	touch $conf
	not everleaf status
	mv bin/away bin/everleaf-config
	expect 0 everleaf status
}

has_an_answer() {
	ls -l "/proc/$person/fd" | grep -q memfd:
}

has_gone() {
	! kill -0 $person 2>/dev/null
}

test_what_an_agent_shows_to_nobody_can_be_ended() {
	home <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );
	C
	"${exec_as[@]}" env -i PATH="$PATH" HOME="$dir/home" \
		"$dir/bin/everleaf" agent >agent.out 2>agent.err </dev/null &
	started $!
	until_true 60 test -e home/.local/state/everleaf/live/www
	until_true 60 ends_with 0 status www
	mkfifo full
	exec 7<>full
	head -c 65536 /dev/zero >&7
	"${exec_as[@]}" env -i PATH="$PATH" HOME="$dir/home" "$dir/bin/everleaf" status >&7 2>err &
	person=$!
	started $person
	until_true 60 has_an_answer
	kill -TERM $person
	until_true 5 has_gone
}

test_an_agent_does_not_know_of_files_that_are_included() {
	home <<-C
	include = "more-*.conf";
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );
	C
	"${exec_as[@]}" env -i PATH="$PATH" HOME="$dir/home" \
		"$dir/bin/everleaf" agent >agent.out 2>agent.err </dev/null &
	started $!
	until_true 60 test -e home/.local/state/everleaf/live/www
	cat >home/.config/everleaf/more-1.conf <<-C
	certificates = ( { name = "api"; names = "api.example.org"; issuer = "local"; } );
	C
	! is_root || chown $user home/.config/everleaf/more-1.conf
	expect 0 everleaf status api
	grep -q api out
}

test_what_only_root_can_give_is_an_error_of_configuration() {
	hook web <<<'exit 0'
	home <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web"; owner = "root"; } );
	hooks = ( $(hook_config web 'user = "root";') );
	C
	expect 2 everleaf renew
	says err owner
	says err user
	[ ! -e home/.local ]
}

test_a_folder_of_others_is_refused_with_its_name() {
	is_root || skip "needs root: to have a folder that the user cannot write"
	mkdir theirs
	home <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local";
		files = ( { path = "$dir/theirs/www.pem"; content = "cert"; } ); } );
	C
	chown root theirs
	expect 1 everleaf renew
	says err "$dir/theirs"
}

run_tests "$@"
