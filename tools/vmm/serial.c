// SPDX-License-Identifier: GPL-2.0
/*
 * The serial port: a 16550A whose line is infinitely fast. What the guest
 * writes goes to stdout, which is line buffered, and flushed when a driver ends
 * a piece of output; what the user types comes from console.c through
 * serial_receive(). No loopback, no modem interrupts.
 */
#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "vmm.h"

#define PORT_COM1	0x3f8
#define IRQ_COM1	4
#define FIFO_SIZE	4096	/* deeper than the 16 bytes of a real one */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t listening;
	u8 reg[8];		/* what was written, where that is all there is to it */
	u8 ier, fcr;
	bool tx_empty;		/* an unread "transmitter empty" interrupt */
	bool line;		/* state of the interrupt line */
	u32 rx_len;
	u8 rx[FIFO_SIZE];
} uart = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.listening = PTHREAD_COND_INITIALIZER,
};

/* The reason for an interrupt, in the coding of the IIR */
static u8 interrupt_id(void)
{
	if ((uart.ier & UART_IER_RDI) && uart.rx_len)
		return UART_IIR_RDI;
	if ((uart.ier & UART_IER_THRI) && uart.tx_empty)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_line(void)
{
	bool line = interrupt_id() != UART_IIR_NO_INT;

	if (line != uart.line)
		irq_line(IRQ_COM1, line);
	uart.line = line;
}

/* In a PC, OUT2 lets interrupts out; drivers set it when the port is opened */
static bool has_room(void)
{
	return (uart.ier & UART_IER_RDI) && uart.rx_len < FIFO_SIZE &&
	       (uart.reg[UART_MCR] & UART_MCR_OUT2);
}

/* With wait, not even the first line is lost that a script sends */
void serial_receive(u8 c, bool wait)
{
	pthread_mutex_lock(&uart.lock);
	while (wait && !has_room())
		pthread_cond_wait(&uart.listening, &uart.lock);
	if (has_room())
		uart.rx[uart.rx_len++] = c;
	update_line();
	pthread_mutex_unlock(&uart.lock);
}

static u8 read_data(void)
{
	u8 c = uart.rx[0];

	if (uart.rx_len)
		memmove(uart.rx, uart.rx + 1, --uart.rx_len);
	return c;
}

static u8 read_iir(void)
{
	u8 id = interrupt_id();

	fflush(stdout);
	if (id == UART_IIR_THRI)
		uart.tx_empty = false;
	return id | (uart.fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
}

/* With DLAB, the first two registers are the speed, which means nothing here */
static bool is_divisor(u64 reg)
{
	return (uart.reg[UART_LCR] & UART_LCR_DLAB) && reg <= UART_DLM;
}

static u8 read_reg(u64 reg)
{
	if (is_divisor(reg))
		return uart.reg[reg];
	switch (reg) {
	case UART_RX: return read_data();
	case UART_IER: return uart.ier;
	case UART_IIR: return read_iir();
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE |
		       (uart.rx_len ? UART_LSR_DR : 0);
	case UART_MSR: return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	default: return uart.reg[reg];
	}
}

static void write_data(u8 v)
{
	uart.tx_empty = true;
	fputc(v, stdout);
}

/* A driver touches the IER when it starts or ends a piece of output */
static void write_ier(u8 v)
{
	fflush(stdout);
	if (v & ~uart.ier & UART_IER_THRI)
		uart.tx_empty = true;
	uart.ier = v & 0x0f;
}

/* "Clear the FIFO" in the FCR is not obeyed: it would eat what was typed */
static void write_reg(u64 reg, u8 v)
{
	if (reg == UART_TX && !is_divisor(reg))
		write_data(v);
	else if (reg == UART_IER && !is_divisor(reg))
		write_ier(v);
	else if (reg == UART_FCR)
		uart.fcr = v;
	else
		uart.reg[reg] = v;
}

static void serial_io(void *dev, u64 offset, void *data, u32 len, bool write)
{
	u8 *v = data;

	pthread_mutex_lock(&uart.lock);
	if (write)
		write_reg(offset, *v);
	else
		*v = read_reg(offset);
	update_line();
	if (has_room())
		pthread_cond_signal(&uart.listening);
	pthread_mutex_unlock(&uart.lock);
}

void serial_init(void)
{
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	bus_add(&pio_bus, PORT_COM1, 8, serial_io, NULL);
}
