"""What the kernel library's object code refers to.

    kernel_symbols.py NM LIBRARY

Includes can be read by layering.py, but a clock that hides behind somebody
else's inline function shows only here. Not for sanitizer builds: their run-time
libraries add such symbols themselves.
"""

import re
import subprocess
import sys

import sources

IMPURE = re.compile(
    # Threads and waiting.
    r"\b(pthread_\w+|sem_(wait|post)|std::thread|std::condition_variable|futex"
    r"|nanosleep|usleep|sched_yield|absl::\w*::?(Mutex|CondVar|Notification)"
    # Time and chance.
    r"|clock_gettime|gettimeofday|std::chrono\S*|U time$|getrandom|U rand(om)?$"
    r"|std::random_device|absl::\w*::?Now"
    # Input and output.
    r"|std::(cout|cerr|clog)|std::basic_\w*stream|std::ostream|fopen\w*|f?puts"
    r"|f?printf|__f?printf_chk|fwrite|socket|epoll_\w+|getenv"
    # Other people's libraries.
    r"|grpc\w*::|google::protobuf|prometheus::)")


def check(nm, library):
    listing = subprocess.run([nm, "-C", "--undefined-only", library], check=True,
                             capture_output=True, text=True).stdout
    errors, member = [], ""
    for line in listing.splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif IMPURE.search(line):
            errors.append(f"{member}: refers to {line.split(None, 1)[1]}")
    return errors


if __name__ == "__main__":
    sources.finish("kernel symbols", check(sys.argv[1], sys.argv[2]))
