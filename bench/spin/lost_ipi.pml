/* The bug of the report as one would write it for SPIN by hand, to compare the
 * speed of searches: three CPUs, CPU 2 goes offline and comes back; at any time
 * CPUs 0 and 1 are interrupted CALLS times each, and each interrupt queues a call for
 * CPU 2 and rings if the queue was empty. Doorbells come when they like. At the
 * end CPU 0 calls and waits. DRAIN=1: the dying CPU drains its queue.
 *
 * A wait that cannot end is an invalid end state. */
#ifndef DRAIN
#define DRAIN 0
#endif
#ifndef CALLS
#define CALLS 2
#endif
#define VICTIM 2

mtype = { NONE, PREPARE, DISABLE_IRQ, RUN, EXIT };

mtype state = NONE;      /* of the round, as published */
byte acks;               /* of the state, that are missing */
byte queue;              /* calls in the victim's queue */
byte ran;                /* of the waiting call: 1 when it is in the queue */
byte rings;              /* doorbells on the wire */
bool latched, done;
bool masked[3];
bool online = true;
byte left[2];            /* interrupts that a sender may still have */

inline queue_call() {
  if
  :: queue == 0 -> rings++
  :: else
  fi;
  queue++
}

inline publish(next) {
  d_step { state = next; acks = 3 }
  acks == 0
}

proctype Sender(byte me) {
  mtype acted = NONE;
end:
  do
  :: atomic { state != acted ->
       acted = state;
       if
       :: state == DISABLE_IRQ -> masked[me] = true
       :: state == EXIT -> masked[me] = false
       :: else
       fi;
       if
       :: acted != NONE -> acks--
       :: else
       fi }
  :: atomic { left[me] > 0 && !masked[me] && online ->
       left[me]--; queue_call() }
  od
}

proctype Victim() {
  mtype acted = NONE;
end:
  do
  :: atomic { state != acted ->
       acted = state;
       if
       :: state == DISABLE_IRQ -> masked[VICTIM] = true
       :: state == RUN -> online = false;
          if
          :: DRAIN -> queue = 0
          :: else
          fi
       :: else
       fi;
       if
       :: acted != NONE -> acks--
       :: else
       fi }
  :: atomic { latched && !masked[VICTIM] ->
       latched = false;
       done = done || ran;
       queue = 0 }
  od
}

proctype Wire() {
end:
  do
  :: atomic { rings > 0 -> rings--; latched = true }
  od
}

init {
  atomic {
    left[0] = CALLS; left[1] = CALLS;
    run Sender(0); run Sender(1); run Victim(); run Wire()
  }
  publish(PREPARE); publish(DISABLE_IRQ); publish(RUN); publish(EXIT);
  state = NONE;
  /* The reset: the latch is cleared, the queue is kept. */
  d_step { latched = false; masked[VICTIM] = false; online = true };
  /* The notifier calls, and waits. */
  atomic { queue_call(); ran = 1 };
  done
}
