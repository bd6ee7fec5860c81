/** A set-up step that cannot go on: what is wrong, and what the user can do about it. */
export class SetupError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Prints one line per step. `step` announces work that takes a while, `done` a state that was found; a quiet reporter
 * speaks only of work, so that a second run goes straight to what the user asked for.
 */
export function reporter(quiet) {
  return {
    step(text) {
      console.log(`• ${text}`);
    },
    done(text) {
      if (!quiet) console.log(`✓ ${text}`);
    },
  };
}

/** Runs a script's main function: a SetupError ends it with message, hint and exit code 1, without a stack trace. */
export async function main(action) {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\nerror: ${error.message}`);
    if (error.hint) console.error(`\n${error.hint}`);
    process.exitCode = 1;
  }
}

/** "48 s" or "2 min 5 s". */
export function since(start) {
  const seconds = Math.round((Date.now() - start) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
