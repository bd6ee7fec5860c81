import fc from "fast-check";

// The same cases in every run: a failure is the change's that made it. FAST_CHECK_SEED looks at others.
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 20_261_123) });
