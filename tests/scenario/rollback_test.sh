#!/bin/bash
# rollback: an earlier generation by hand.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the certificate]
	mkdir -p tls
	hook web <<<'exit 0'
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web";
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; } ); ${1-} } );
	hooks = ( $(hook_config web) );
	C
}

generations() { # COUNT
	local i
	expect 0 everleaf renew
	for ((i = 1; i < $1; i++)); do
		expect 0 everleaf renew --force www
	done
}

test_the_previous_generation_is_made_live_and_the_hooks_are_run() {
	www
	generations 2
	: >web.ran
	expect 0 everleaf rollback www
	is_live_of www 1 2
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
	is 1 "$(ran web "run rolled-back")"
	is "rolled back" "$(status_of www health)"
	is 1 "$(events www rolled-back)"
}

test_a_given_generation_is_made_live() {
	www
	generations 3
	expect 0 everleaf rollback www 1
	is_live_of www 1 3
	expect 0 everleaf rollback www 3
	is_live_of www 3 3
}

test_it_stands_at_the_next_run() {
	www
	generations 2
	expect 0 everleaf rollback www
	expect 0 everleaf renew
	is "" "$(cat out err)"
	expect 0 everleaf renew www
	is_live_of www 1 2
	expect 0 everleaf plan
	says out expiring
}

test_force_ends_it() {
	www
	generations 2
	expect 0 everleaf rollback www
	expect 0 everleaf renew --force www
	is_live_of www 3 3
	is ok "$(status_of www health)"
}

test_it_ends_at_the_next_renewal_moment() {
	www
	generations 2
	expect 0 everleaf rollback www
	expect 0 everleaf renew
	is_live_of www 1 2
	remember "UPDATE certificate SET renew_at = $(date +%s), sum = NULL"
	expect 0 everleaf renew
	is_live_of www 3 3
}

test_it_stands_after_another_one_that_a_hook_refuses() {
	www
	generations 3
	hook web <<<'[ $1 = run ] || [ "$(readlink $dir/state/live/www)" != ../archive/www/0000000001 ]'
	sed -i 's/names = "localhost"/names = [ "localhost", "also" ]/' everleaf.conf
	expect 0 everleaf rollback www
	expect 1 everleaf rollback www
	says err "its test refuses it"
	is_live_of www 2 3
	is "rolled back" "$(status_of www health)"
	expect 0 everleaf renew www
	is_live_of www 2 3
}

test_a_generation_that_is_not_there_is_an_error() {
	www
	generations 2
	expect 2 everleaf rollback www 7
	says err "no generation 7"
	expect 2 everleaf rollback www 2
	says err "live already"
	expect 2 everleaf rollback www seven
	is_live_of www 2 2
}

test_where_there_is_no_earlier_one_that_is_said() {
	www
	generations 1
	expect 2 everleaf rollback www
	says err "no earlier generation"
	is_live_of www 1 1
}

test_an_expired_generation_is_not_made_live() {
	config <<-C
	issuers = ( { name = "short"; type = "local"; lifetime = "2s"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "short"; } );
	C
	generations 1
	sleep 2.2
	sed -i 's/"2s"/"30d"/' everleaf.conf
	expect 0 everleaf renew
	expect 2 everleaf rollback www 1
	says err expired
	is_live_of www 2 2
}

test_a_damaged_generation_is_passed_over_and_said() {
	www 'keep = 5;'
	generations 5
	: >state/archive/www/0000000004/chain.pem
	echo garbage >state/archive/www/0000000004/cert.pem
	cp state/archive/www/0000000005/privkey.pem state/archive/www/0000000003/privkey.pem
	expect 2 everleaf rollback www 3
	says err "www: generation 3 is damaged: generation 3 of www: privkey.pem is not the key of cert.pem"
	is_live_of www 5 5
	expect 0 everleaf rollback www
	says err "www: generation 4 is passed over: it cannot be read: "
	says err "www: generation 3 is passed over: it is damaged: "
	is_live_of www 2 5
	rm state/archive/www/0000000001/fullchain.pem
	expect 2 everleaf rollback www
	says err "no earlier generation is kept that is whole"
	is_live_of www 2 5
}

# The link is gone, and what it led to is there.
test_what_is_not_live_any_more_is_made_live_again_without_an_order() {
	local n
	www 'keep = 5;'
	generations 3
	for n in 1 2; do
		case $n in
		1) rm state/live/www ;;
		2) rm -rf state/live ;;
		esac
		expect 0 everleaf plan
		says out "install the held generation"
		expect 0 everleaf renew
		says err "www: nothing is live of it: generation 3 is to be again"
		is_live_of www 3 3
		is ok "$(status_of www health)"
	done
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
	rm state/live/www state/archive/www/0000000003/chain.pem
	echo garbage >state/archive/www/0000000003/fullchain.pem
	rm -rf state/agent # nobody remembers anything
	expect 0 everleaf renew
	says err "www: generation 3 is passed over: it is damaged: "
	is 2 "$(live www)"
	expect 0 everleaf revoke www
	rm state/live/www
	expect 0 everleaf renew
	says err "www: generation 2 is passed over: it is revoked"
	is 1 "$(live www)"
	is 3 "$(ls state/archive/www | wc -l)"
	rm state/live/www
	sed -i 's/names = "localhost"/names = [ "localhost", "other.example.org" ]/' everleaf.conf
	expect 0 everleaf renew
	is 4 "$(live www)"
	rm state/live/www
	expect 0 everleaf renew --force www
	is 5 "$(live www)"
}

test_an_agent_makes_live_again_what_is_not_live_any_more() {
	running
	rm state/live/www
	until_true 60 has_live www 1
	until_true 60 nothing_is_pending www
	said "www: nothing is live of it: generation 1 is to be again"
	is_live_of www 1 1
	stop_agent
}

# ... and asked for: the newest of all.
test_what_is_not_live_any_more_is_gone_back_to() {
	www
	generations 2
	rm state/live/www
	expect 0 everleaf rollback www
	is_live_of www 2 2
}

test_a_revoked_generation_is_not_gone_back_to() {
	www
	generations 2
	expect 0 everleaf revoke www --replace
	expect 2 everleaf rollback www 2
	says err "generation 2 is revoked"
	expect 0 everleaf rollback www
	is_live_of www 1 3
	expect 0 everleaf revoke www --replace
	expect 2 everleaf rollback www 1
	expect 0 everleaf rollback www
	is_live_of www 3 4
}

# The history goes on, the numbers begin again.
test_what_is_forgotten_is_not_what_is_revoked() {
	www
	generations 1
	expect 0 everleaf revoke www
	mv everleaf.conf conf
	config </dev/null
	expect 0 everleaf forget www
	mv conf everleaf.conf
	generations 2
	expect 0 everleaf rollback www
	is_live_of www 1 3
}

test_pruned_generations_cannot_be_gone_back_to() {
	www 'keep = 2;'
	generations 4
	expect 0 everleaf rollback www 3
	expect 2 everleaf rollback www 1
	is_live_of www 3 4
}

test_files_that_someone_changes_are_repaired_to_what_was_rolled_back_to() {
	www
	generations 2
	expect 0 everleaf rollback www
	cp tls/www.pem good
	echo tampered >>tls/www.pem
	expect 0 everleaf renew
	cmp good tls/www.pem
	is_live_of www 1 2
}

run_tests "$@"
