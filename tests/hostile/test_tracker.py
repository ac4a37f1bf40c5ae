from pytest_twisted import ensureDeferred
import time
@ensureDeferred
async def test_x(honest):
    t=time.time()
    await honest.transfer(); print(time.time()-t)
    await honest.transfer(); print(time.time()-t)
