"""What every plug-in must pass, a user's as well as ours: suites of plain asserts.

Import a suite from its own module: `tunesmith.testing.samplers.check_sampler`,
`tunesmith.testing.schedulers.check_scheduler`, `tunesmith.testing.executors.check_executor`,
`tunesmith.testing.storage.check_storage` and `tunesmith.testing.models.check_model`.
"""
