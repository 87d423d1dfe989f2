"""The key, the origin, the folders, the user's settings, and what must exist once in a process."""

from happyhorse_nb.settings.account import (
    KEY_VARIABLE,
    ORIGIN,
    SANDBOX_KEY,
    Account,
    Secret,
    account_of,
    check_origin,
    current_account,
    glance,
    is_loopback,
    keep_key,
    told_origin,
    use,
)
from happyhorse_nb.settings.folders import (
    LEDGER_FILE,
    home,
    nameable,
    private_folder,
    video_folder,
    video_name,
    writable,
)

__all__ = [
    "KEY_VARIABLE",
    "LEDGER_FILE",
    "ORIGIN",
    "SANDBOX_KEY",
    "Account",
    "Secret",
    "account_of",
    "check_origin",
    "current_account",
    "glance",
    "home",
    "is_loopback",
    "keep_key",
    "nameable",
    "private_folder",
    "told_origin",
    "use",
    "video_folder",
    "video_name",
    "writable",
]
