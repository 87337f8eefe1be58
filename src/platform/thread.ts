/** One end of a line between two threads. */
export interface ThreadPort {
  /** @throws what the platform throws of a value that has no form in a message. */
  post(message: unknown): void
  /** Hears all messages from here on, in their order. */
  listen(hear: (message: unknown) => void): void
}

/** The line to the package's worker, which runs in a thread of its own. */
export interface StartedThread extends ThreadPort {
  /** Whether the program stays alive for it. At first it does. */
  hold(isHeld: boolean): void
  /** Ends it, whatever it does. */
  stop(): void
  /**
   * Ends it as `stop`, where it has a GPU and has been told to dispose of its device: Dawn ends the whole program if it
   * is cut off from what it waits for, so Node lets such a thread end by itself, for a while.
   */
  leave(): void
}

/** A thread's own end of the line. */
export interface OwnPort extends ThreadPort {
  /** Hears nothing more: the thread ends when all that it does is done. */
  close(): void
}

/** What differs about the package's worker in Node and a page. `#thread` is one of the two modules of this face. */
export interface ThreadPlatform {
  /**
   * Starts the package's worker: the module `worker/thread.js` beside this one.
   * @param onEnd Told once that it has ended, and why, unless by `stop`.
   */
  startThread(onEnd: (error: Error) => void): StartedThread
  /** In the worker: the line to who started it. */
  ownPort(): OwnPort
}
