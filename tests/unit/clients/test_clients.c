/* The table of clients: slots, queues, and the heap against a plain search. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "master/clients/clients.h"

/* That call of calloc() fails, counted from 1; 0: none does. */
static unsigned no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return no_memory > 0 && --no_memory == 0 ? NULL :
						   __real_calloc(n, size);
}

static void
a_table_without_memory_is_none(void **state)
{
	struct clients clients;
	unsigned call;

	(void)state;
	for (call = 1; call <= 3; call++) {
		no_memory = call;
		assert_int_equal(clients_init(&clients), -1);
		assert_int_equal(no_memory, 0);
		clients_free(&clients);
	}
}

static void
slots_are_unique_and_come_back(void **state)
{
	struct clients clients;
	uint32_t slot, first, i;
	uint64_t id;

	(void)state;
	assert_int_equal(clients_init(&clients), 0);
	first = clients_add(&clients);
	id = clients.slots[first].id;
	for (i = 1; i < PLAN_CLIENT_SLOTS; i++) {
		slot = clients_add(&clients);
		assert_int_equal(slot, first + i);
		assert_true(clients.slots[slot].id > id);
		assert_int_equal(clients.slots[slot].fd, -1);
		assert_int_equal(clients.slots[slot].pidfd, -1);
		id = clients.slots[slot].id;
	}
	assert_int_equal(clients_add(&clients), CLIENT_NONE);
	clients.slots[77].row = 5;
	clients_remove(&clients, 77);
	assert_int_equal(clients_add(&clients), 77);
	assert_int_equal(clients.slots[77].row, 0);
	assert_true(clients.slots[77].id > id);
	assert_int_equal(clients_add(&clients), CLIENT_NONE);
	clients_free(&clients);
}

static void
assert_list(const struct clients *clients, const struct client_list *list,
    const uint32_t *want, uint32_t n)
{
	uint32_t slot = list->head, before = CLIENT_NONE, i;

	assert_int_equal(list->count, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(slot, want[i]);
		assert_int_equal(clients->slots[slot].prev, before);
		before = slot;
		slot = clients->slots[slot].next;
	}
	assert_int_equal(slot, CLIENT_NONE);
	assert_int_equal(list->tail, before);
}

/* Those whom a spawner gives back are before those who came later. */
static void
test_c1_who_waits_again_keeps_the_place(void **state)
{
	struct clients clients;
	const struct client_list *waiting = &clients.list[CLIENT_WAITING];
	uint32_t i;

	(void)state;
	assert_int_equal(clients_init(&clients), 0);
	for (i = 0; i < 6; i++)
		clients_move(&clients, clients_add(&clients), CLIENT_WAITING);
	for (i = 0; i < 4; i++)
		clients_move(&clients, i, CLIENT_HANDED);
	assert_list(&clients, waiting, (const uint32_t[]) { 4, 5 }, 2);
	clients_move(&clients, 1, CLIENT_WAITING);
	assert_list(&clients, waiting, (const uint32_t[]) { 1, 4, 5 }, 3);
	clients_move(&clients, 3, CLIENT_WAITING);
	clients_move(&clients, 0, CLIENT_WAITING);
	clients_move(&clients, 2, CLIENT_WAITING);
	assert_list(&clients, waiting,
	    (const uint32_t[]) { 0, 1, 2, 3, 4, 5 }, 6);
	clients_move(&clients, 5, CLIENT_HANDED);
	clients_move(&clients, 5, CLIENT_WAITING);
	assert_list(&clients, waiting,
	    (const uint32_t[]) { 0, 1, 2, 3, 4, 5 }, 6);
	for (i = 0; i < 6; i++)
		clients_move(&clients, i, CLIENT_HANDED);
	assert_list(&clients, waiting, NULL, 0);
	clients_free(&clients);
}

static void
queue_keeps_the_order(void **state)
{
	struct clients clients;
	const struct client_list *young = &clients.list[CLIENT_YOUNG];
	uint32_t i;

	(void)state;
	assert_int_equal(clients_init(&clients), 0);
	for (i = 0; i < 4; i++)
		clients_move(&clients, clients_add(&clients), CLIENT_YOUNG);
	assert_list(&clients, young, (const uint32_t[]) { 0, 1, 2, 3 }, 4);
	clients_move(&clients, 2, CLIENT_HANDED);
	assert_list(&clients, young, (const uint32_t[]) { 0, 1, 3 }, 3);
	clients_move(&clients, 0, CLIENT_HANDED);
	assert_list(&clients, young, (const uint32_t[]) { 1, 3 }, 2);
	clients_move(&clients, 3, CLIENT_HANDED);
	clients_move(&clients, 0, CLIENT_YOUNG);
	assert_list(&clients, young, (const uint32_t[]) { 1, 0 }, 2);
	clients_move(&clients, 1, CLIENT_YOUNG);
	assert_list(&clients, young, (const uint32_t[]) { 0, 1 }, 2);
	clients_remove(&clients, 1);
	clients_remove(&clients, 0);
	assert_list(&clients, young, NULL, 0);
	assert_list(&clients, &clients.list[CLIENT_WAITING], NULL, 0);
	clients_free(&clients);
}

/* In each phase a client is where the phase has it, and nowhere else. */
static void
assert_places(const struct clients *clients, const uint32_t *phases)
{
	static const bool list[CLIENT_PHASES] = { [CLIENT_WAITING] = true,
		[CLIENT_YOUNG] = true, [CLIENT_UNWATCHED] = true,
		[CLIENT_CLOSING] = true, [CLIENT_LINGERING] = true };
	uint32_t phase;

	for (phase = 0; phase < CLIENT_PHASES; phase++)
		assert_int_equal(clients->list[phase].count,
		    list[phase] ? phases[phase] : 0);
	assert_int_equal(clients->n_heap,
	    phases[CLIENT_WATCHED] + phases[CLIENT_UNWATCHED] +
		phases[CLIENT_CLOSING] + phases[CLIENT_LINGERING]);
}

static void
a_client_is_where_its_phase_has_it(void **state)
{
	uint32_t phases[CLIENT_PHASES] = { 0 }, slot, to, i;
	unsigned seed = (unsigned)time(NULL);
	struct clients clients;

	(void)state;
	print_message("# seed %u\n", seed);
	srandom(seed);
	assert_int_equal(clients_init(&clients), 0);
	for (i = 0; i < 50; i++)
		clients_add(&clients);
	phases[CLIENT_FREE] = 50;
	for (i = 0; i < 20000; i++) {
		slot = (uint32_t)random() % 50;
		to = 1 + (uint32_t)random() % (CLIENT_PHASES - 1);
		phases[clients.slots[slot].phase]--;
		phases[to]++;
		clients.slots[slot].deadline = random() % 100;
		clients_move(&clients, slot, (enum client_phase)to);
		assert_int_equal(clients.slots[slot].phase, to);
		assert_places(&clients, phases);
	}
	clients_free(&clients);
}

static void
hints_find_live_children_only(void **state)
{
	struct clients clients;
	uint32_t a, b;

	(void)state;
	assert_int_equal(clients_init(&clients), 0);
	assert_int_equal(clients_find(&clients, 100), CLIENT_NONE);
	a = clients_add(&clients);
	b = clients_add(&clients);
	clients.slots[a].pid = 100;
	clients_move(&clients, a, CLIENT_YOUNG);
	clients_hint(&clients, a);
	assert_int_equal(clients_find(&clients, 100), a);
	/* The same hint, another pid. */
	assert_int_equal(
	    clients_find(&clients, 100 + CLIENT_HINTS), CLIENT_NONE);
	clients.slots[b].pid = 100 + CLIENT_HINTS;
	clients_move(&clients, b, CLIENT_WATCHED);
	clients_hint(&clients, b);
	assert_int_equal(clients_find(&clients, 100), CLIENT_NONE);
	assert_int_equal(clients_find(&clients, 100 + CLIENT_HINTS), b);
	clients_remove(&clients, b);
	assert_int_equal(
	    clients_find(&clients, 100 + CLIENT_HINTS), CLIENT_NONE);
	assert_true(clients_have(&clients, 100)); /* without a hint */
	assert_false(clients_have(&clients, 100 + CLIENT_HINTS));
	assert_false(clients_have(&clients, 101));
	clients_move(&clients, a, CLIENT_HANDED); /* the pid is of before */
	assert_false(clients_have(&clients, 100));
	clients_free(&clients);
}

/* No slot of the heap is due before the one above it. */
static void
assert_heap(const struct clients *clients)
{
	uint32_t i;

	for (i = 1; i < clients->n_heap; i++)
		assert_true(clients->slots[clients->heap[i]].deadline >=
		    clients->slots[clients->heap[(i - 1) / 2]].deadline);
}

#define MODEL_SLOTS 300
#define MODEL_STEPS 100000

/* The nearest deadline, found by looking at all of them. */
static int64_t
nearest(const struct clients *clients, const bool *scheduled)
{
	int64_t best = INT64_MAX;
	uint32_t i;

	for (i = 0; i < MODEL_SLOTS; i++)
		if (scheduled[i] && clients->slots[i].deadline < best)
			best = clients->slots[i].deadline;
	return best;
}

static void
heap_agrees_with_a_search(void **state)
{
	static bool scheduled[MODEL_SLOTS];
	struct clients clients;
	unsigned seed = (unsigned)time(NULL);
	uint32_t slot, due, n = 0, i;

	(void)state;
	print_message("# seed %u\n", seed);
	srandom(seed);
	assert_int_equal(clients_init(&clients), 0);
	for (i = 0; i < MODEL_SLOTS; i++)
		clients_add(&clients);
	for (i = 0; i < MODEL_STEPS; i++) {
		slot = (uint32_t)random() % MODEL_SLOTS;
		if (scheduled[slot]) {
			clients_move(&clients, slot, CLIENT_HANDED);
			n--;
		} else {
			clients.slots[slot].deadline = random() % 1000;
			clients_move(&clients, slot, CLIENT_WATCHED);
			n++;
		}
		scheduled[slot] = !scheduled[slot];
		assert_int_equal(clients.n_heap, n);
		assert_heap(&clients);
		due = clients_next_due(&clients);
		if (n == 0)
			assert_int_equal(due, CLIENT_NONE);
		else
			assert_int_equal(clients.slots[due].deadline,
			    nearest(&clients, scheduled));
	}
	clients_free(&clients);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_without_memory_is_none),
		cmocka_unit_test(slots_are_unique_and_come_back),
		cmocka_unit_test(queue_keeps_the_order),
		cmocka_unit_test(test_c1_who_waits_again_keeps_the_place),
		cmocka_unit_test(a_client_is_where_its_phase_has_it),
		cmocka_unit_test(hints_find_live_children_only),
		cmocka_unit_test(heap_agrees_with_a_search),
	};

	return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
