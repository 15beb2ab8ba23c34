"""Every change to Django, HyperKitty, Postorius and django-q at run time, one module each.

docs/reference/patches.md is made from them. The modules can be imported without Django: what needs it is imported when
a patch is applied.
"""

from listkit.web.patches import (
    admin_login,
    archive_api,
    archive_download,
    archive_export,
    archive_import,
    archive_index,
    archive_policies,
    archive_search,
    archive_senders,
    cache_culling,
    connection_health,
    feed_addresses,
    job_queue,
    login_attempts,
    new_archives,
    post_rendering,
    public_forms,
    readable_posts,
    sign_up_answer,
    tag_suggestions,
)

DJANGO = (
    admin_login.PATCH,
    archive_api.PATCH,
    archive_download.PATCH,
    archive_export.PATCH,
    archive_search.PATCH,
    archive_senders.PATCH,
    cache_culling.PATCH,
    connection_health.PATCH,
    feed_addresses.PATCH,
    login_attempts.PATCH,
    new_archives.PATCH,
    post_rendering.PATCH,
    public_forms.PATCH,
    readable_posts.PATCH,
    sign_up_answer.PATCH,
    tag_suggestions.PATCH,
)
"""Applied when Django has loaded its applications."""

JOBS = (archive_index.PATCH,)
"""Applied by the periodic jobs, too: elsewhere, the modules that it needs would take 5 MB for nothing."""

QUEUE = (job_queue.PATCH, archive_policies.PATCH, *JOBS)
"""Applied by the job queue, which Django's applications needn't know. It records failures, which a job may not."""

IMPORT = (archive_import.PATCH,)
"""Applied by `listkit archive import`."""

PATCHES = (*DJANGO, *QUEUE, *IMPORT)
