"""A process that reads and writes a disk cache until it is killed: python crowding.py FOLDER LIMIT.

Says ``ready`` once it has written, and ends with a sentence if it ever reads what was not written.
"""

import asyncio
import random
import sys
from pathlib import Path

from tests.unit.cache.counting import metrics
from tests.unit.cache.disks import content, name, opened, settled


def size(number):
    return 1_000 + number * 131


async def crowd(folder, limit):
    counted = metrics()
    async with opened(folder, limit, counted) as tier:
        for turn in range(1_000_000):
            number = random.randrange(200)
            found = await tier.get(name(number))
            if found is None:
                tier.put(name(number), content(number, size(number)))
            elif found != content(number, size(number)):
                sys.exit("a value that was never written")
            if turn == 200:
                await settled(tier)
                sys.stdout.write("ready\n")
                sys.stdout.flush()
            if tier._writing._failing or tier._reading._failing:
                sys.exit("the disk is left alone")


if __name__ == "__main__":
    asyncio.run(crowd(Path(sys.argv[1]), int(sys.argv[2])))
