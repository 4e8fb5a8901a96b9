/* libseccomp.c: the judge of our filters. Reads a filter from standard input, one word list a line, and writes
 * the BPF program that libseccomp makes of it to standard output.
 *
 *   default ACTION
 *   native NAME                                (instead of the machine's own architecture)
 *   arch NAME                                  (beside the machine's own)
 *   rule ACTION CALL [INDEX OP VALUE VALUE2]…  (a call that libseccomp does not know is reported on
 *                                              standard error and passed over)
 *
 * ACTION is the number that the filter returns, OP a number of enum scmp_compare.
 * cc -o libseccomp libseccomp.c -lseccomp; see TestAgainstLibseccomp.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
fail (const char *what, const char *object, int error)
{
  fprintf (stderr, "%s %s: %s\n", what, object, strerror (error < 0 ? -error : error));
  exit (1);
}

int
main (void)
{
  static char line[4096];
  scmp_filter_ctx filter = NULL;

  while (fgets (line, sizeof line, stdin))
    {
      char *word = strtok (line, " \n");

      if (!word)
        continue;

      if (!strcmp (word, "default"))
        {
          filter = seccomp_init (strtoul (strtok (NULL, " \n"), NULL, 0));
          if (!filter)
            fail ("make", "a filter", EINVAL);
          /* Calls of an architecture that is not listed end the thread, as ours. */
          seccomp_attr_set (filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_THREAD);
        }
      else if (!strcmp (word, "native"))
        {
          char *name = strtok (NULL, " \n");
          int error = seccomp_arch_add (filter, seccomp_arch_resolve_name (name));

          if (!error)
            error = seccomp_arch_remove (filter, SCMP_ARCH_NATIVE);
          if (error)
            fail ("change the machine to", name, error);
        }
      else if (!strcmp (word, "arch"))
        {
          char *name = strtok (NULL, " \n");
          int error = seccomp_arch_add (filter, seccomp_arch_resolve_name (name));

          if (error && error != -EEXIST)
            fail ("add the architecture", name, error);
        }
      else
        {
          struct scmp_arg_cmp conditions[6];
          unsigned int count = 0;
          uint32_t action = strtoul (strtok (NULL, " \n"), NULL, 0);
          char *name = strtok (NULL, " \n");
          int call = seccomp_syscall_resolve_name (name);
          int error;

          if (call == __NR_SCMP_ERROR)
            {
              fprintf (stderr, "unknown %s\n", name);
              continue;
            }

          while ((word = strtok (NULL, " \n")) && count < 6)
            {
              conditions[count].arg = strtoul (word, NULL, 0);
              conditions[count].op = strtoul (strtok (NULL, " \n"), NULL, 0);
              conditions[count].datum_a = strtoull (strtok (NULL, " \n"), NULL, 0);
              conditions[count].datum_b = strtoull (strtok (NULL, " \n"), NULL, 0);
              count++;
            }
          error = seccomp_rule_add_array (filter, action, call, count, conditions);
          if (error && error != -EACCES) /* EACCES: the rule repeats the default action */
            fail ("add a rule for", name, error);
        }
    }

  int error = seccomp_export_bpf (filter, STDOUT_FILENO);
  if (error)
    fail ("export", "the filter", error);
  return 0;
}
