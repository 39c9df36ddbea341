#!/bin/bash
# rollover: the embedded CA gets its next root key, judged by openssl.
. "$(dirname "$0")/../lib.sh"

lab() { # [SETTINGS [FILES]]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA,O=Example"; ${1-} } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab";
		files = ( { path = "$dir/tls/roots.pem"; content = "ca"; },
			{ path = "$dir/tls/full.pem"; content = "fullchain"; } ); } );
	C
	mkdir -p tls
}

roots_in() { # FILE
	grep -c BEGIN "$1"
}

# Whether it is believed by who knows CAFILE alone, with what is served behind it.
believed() { # CAFILE FULLCHAIN [CRLFILE]
	openssl verify -x509_strict -CAfile "$1" -untrusted "$2" ${3:+-crl_check_all -CRLfile "$3"} "$2"
}

test_who_knows_either_root_or_both_believes_leaves_of_both_keys() {
	lab "${1-}"
	expect 0 everleaf renew
	cp tls/full.pem before.pem
	cp state/ca/lab/root.pem old.pem
	expect 0 everleaf ca lab rollover --force
	expect 0 everleaf renew --force www
	cp state/ca/lab/2/root.pem new.pem
	cat old.pem new.pem >both.pem
	cmp <(sort both.pem) <(sort state/ca/lab/root.pem)
	cmp <(sort both.pem) <(sort tls/roots.pem)
	for roots in old new both; do
		believed $roots.pem tls/full.pem
		believed $roots.pem tls/full.pem state/ca/lab/crl.pem
		cat before.pem state/ca/lab/2/oldWithNew.pem >told.pem
		believed $roots.pem told.pem
		believed $roots.pem told.pem state/ca/lab/crl.pem
	done
	believed old.pem before.pem
	believed both.pem before.pem
	is "$(openssl x509 -in old.pem -noout -subject)" "$(openssl x509 -in new.pem -noout -subject)"
	not cmp -s old.pem new.pem
}

test_an_intermediate_a_path_length_and_constraints_hold_across_it() {
	test_who_knows_either_root_or_both_believes_leaves_of_both_keys \
		'intermediate = true; path_length = 1; permitted = [ "localhost" ];'
}

run_tests "$@"
