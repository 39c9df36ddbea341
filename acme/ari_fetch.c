#include "acme/ari_fetch.h"

#include "acme/client.h"
#include "acme/directory.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"

static int read_answer(const struct acme_reply *reply, struct ari_answer *answer,
		       struct err *e)
{
	const struct doc *window = doc_member(reply->doc, "suggestedWindow");
	const char *url = doc_str(reply->doc, "explanationURL");
	struct ari_answer read = { .offered = true };

	if (!ari_window_read(doc_str(window, "start"), doc_str(window, "end"),
			     &read.window))
		return err_set(e, ERR_PROTO, "the CA suggests no window that is one");
	read.ask_at = ari_ask_at(reply->retry_at_ms / 1000, clock_now());
	if (url != NULL && ari_url_is_plain(url))
		read.explanation = xstrdup(url);
	*answer = read;
	return 0;
}

/* = RFC 9773 4.1 "To request the suggested renewal information for a certificate, the
 * client sends an unauthenticated GET request to a path under the server's renewalInfo
 * URL." [get] */
int ari_fetch(struct acme *a, const char *id, struct ari_answer *answer, struct err *e)
{
	AUTO_ACME_REPLY struct acme_reply reply = { 0 };
	AUTO_FREE char *url = NULL;

	*answer = (struct ari_answer){ .offered = false };
	if (a->directory.new_order == NULL)
		TRY(directory_fetch(a, e));
	if (a->directory.renewal_info == NULL)
		return 0;
	TRY(directory_need(a, "renewalInfo", a->directory.renewal_info, e));
	url = xasprintf("%s/%s", a->directory.renewal_info, id);
	if (acme_get(a, url, &reply, e) < 0 || read_answer(&reply, answer, e) < 0)
		return err_wrap(e, "renewal information");
	return 0;
}
