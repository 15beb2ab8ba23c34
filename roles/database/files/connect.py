"""Connect to PostgreSQL with the parameters on standard input: JSON, with libpq's names.

Exit status 1 with the reason on standard error when that fails.
"""

import json
import sys

import psycopg2

try:
    psycopg2.connect(**json.load(sys.stdin), connect_timeout=15).close()
except psycopg2.OperationalError as error:
    sys.exit(str(error).strip())
