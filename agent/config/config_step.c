#include "agent/config/config_step.h"

#include "agent/config/config_host.h"
#include "agent/config/config_report.h"
#include "agent/config/config_value.h"
#include "agent/role/spec_issuer.h"

void config_step_provisioner(struct config_reader *r, const config_setting_t *s,
			     void *into)
{
	config_text(r, s, "the name of a provisioner",
		    &((struct spec_issuer *)into)->provisioner);
}

void config_step_check(struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *password = config_member(s, "password_file");
	const config_setting_t *certificate = config_member(s, "certificate_file");
	const bool has_key = config_member(s, "key_file") != NULL;

	if (config_member(s, "provisioner") == NULL)
		config_missing(r, s, "provisioner",
			       "who vouches for the first certificate");
	if (certificate != NULL && !has_key)
		config_missing(r, s, "key_file", "the key of certificate_file");
	else if (certificate == NULL && password == NULL && !has_key)
		config_missing(r, s, "password_file",
			       "the password of the provisioner's key; or "
			       "certificate_file and key_file, where it is of type "
			       "X5C");
	if (certificate != NULL && password != NULL)
		config_error(r, password,
			     "found certificate_file and password_file, expected only "
			     "one of them");
}
