// SPDX-License-Identifier: GPL-2.0
/*
 * The host's side of the console, run by the main thread: the terminal in raw
 * mode and its escape key. From a pipe, input is read when the guest takes it;
 * what is typed while the guest does not listen is lost, so that Ctrl-a x
 * always works.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include "vmm.h"

#define ESCAPE		1	/* Ctrl-a */
#define FLUSH_MS	100	/* for output that does not end in a newline */

static struct termios saved;
static bool is_tty;

static void console_restore(void)
{
	if (is_tty)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

/* May interrupt anything, so it calls only what is async-signal-safe */
static void on_signal(int sig)
{
	if (sig == SIGUSR1) {
		cpus_kick_and_dump();
		return;
	}
	console_restore();
	_exit(128 + sig);
}

void console_init(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 };
	struct termios raw;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		signal(sigs[i], on_signal);
	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	raw = saved;
	cfmakeraw(&raw);
	is_tty = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	atexit(console_restore);
}

static void key(u8 c)
{
	static bool escaped;
	bool command = escaped;

	escaped = is_tty && !command && c == ESCAPE;
	if (escaped)
		return;
	if (command && c == 'x')
		vmm_exit(STATUS_USER);
	else if (command && c == 'd')
		cpus_kick_and_dump();
	else if (!command || c == 'a')
		serial_receive(command ? ESCAPE : c, !is_tty);
}

void console_loop(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	u8 buf[256];
	ssize_t i, n;

	for (;;) {
		if (poll(&in, 1, FLUSH_MS) > 0) {
			n = read(STDIN_FILENO, buf, sizeof(buf));
			for (i = 0; i < n; i++)
				key(buf[i]);
			if (n == 0 || (n < 0 && errno != EINTR))
				in.fd = -1;	/* end of input */
		}
		fflush(stdout);
	}
}
