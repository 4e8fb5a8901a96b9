// floor ROOTFS: the smallest program that makes the system calls of one container, for scripts/evidence/bench.sh: what a start costs before any
// runtime adds its own. The same namespaces, limits, mounts, masks and /bin/true as the bundle there; no seccomp filter, no state, no checks
// of its input. An error ends it: a floor that leaves something out is none.
//
//	gcc -O2 -static -o floor floor.c && ./floor ROOTFS
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void must(int ok, const char *what) {
	if (!ok) {
		fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
		_exit(1);
	}
}

static void write_to(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void limit(const char *directory, const char *file, const char *text) {
	char path[200];
	snprintf(path, sizeof path, "%s/%s", directory, file);
	write_to(path, text);
}

static void bind_over(const char *source, const char *target) {
	must(mount(source, target, NULL, MS_BIND | MS_REC, NULL) == 0 || errno == ENOENT, target);
}

static void child(const char *rootfs) {
	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "propagation");
	bind_over(rootfs, rootfs);
	must(chdir(rootfs) == 0, rootfs);
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k") == 0, "dev");
	must(mkdir("dev/pts", 0755) == 0 && mkdir("dev/shm", 01777) == 0 && mkdir("dev/mqueue", 0755) == 0, "mkdir");
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") == 0, "dev/pts");
	must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k") == 0, "dev/shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "dev/mqueue");
	must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) == 0, "sys");
	bind_over("/usr", "data");
	must(mount(NULL, "data", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0, "data");
	static const struct { const char *name; unsigned minor; } devices[] = {{"dev/null", 3}, {"dev/zero", 5}, {"dev/full", 7}, {"dev/random", 8}, {"dev/urandom", 9}};
	for (size_t i = 0; i < COUNT(devices); i++)
		must(mknod(devices[i].name, S_IFCHR | 0666, makedev(1, devices[i].minor)) == 0, devices[i].name);
	must(mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)) == 0, "dev/tty");
	static const char *masked[] = {"proc/kcore", "proc/keys", "proc/timer_list", "proc/sched_debug"}, *empty[] = {"proc/acpi", "proc/scsi", "sys/firmware"};
	for (size_t i = 0; i < COUNT(masked); i++)
		bind_over("dev/null", masked[i]);
	for (size_t i = 0; i < COUNT(empty); i++)
		must(mount("tmpfs", empty[i], "tmpfs", MS_RDONLY, "size=0k") == 0 || errno == ENOENT, empty[i]);
	static const char *readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	for (size_t i = 0; i < COUNT(readonly); i++) {
		bind_over(readonly[i], readonly[i]);
		must(mount(NULL, readonly[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0 || errno == EINVAL || errno == ENOENT, readonly[i]); // not there
	}
	must(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "pivot_root");
	must(sethostname("floor", 5) == 0 && setsid() > 0, "sethostname");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	execl("/bin/true", "true", NULL);
	must(0, "/bin/true");
}

int main(int argc, char **argv) {
	static const char *v1[] = {"/sys/fs/cgroup/memory/floor", "/sys/fs/cgroup/cpu/floor", "/sys/fs/cgroup/pids/floor", "/sys/fs/cgroup/devices/floor"};
	static const char *v2[] = {"/sys/fs/cgroup/floor"};
	int unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	const char **groups = unified ? v2 : v1;
	size_t count = unified ? COUNT(v2) : COUNT(v1);
	if (argc != 2)
		return 2;
	for (size_t i = 0; i < count; i++)
		must(mkdir(groups[i], 0755) == 0, groups[i]);
	struct clone_args args = {.flags = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET, .exit_signal = SIGCHLD};
	if (unified) {
		limit(v2[0], "memory.max", "100000000");
		limit(v2[0], "cpu.max", "50000 100000");
		limit(v2[0], "pids.max", "50");
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)open(v2[0], O_PATH | O_CLOEXEC);
	} else {
		limit(v1[0], "memory.limit_in_bytes", "100000000");
		limit(v1[1], "cpu.cfs_quota_us", "50000");
		limit(v1[2], "pids.max", "50");
		for (size_t i = 0; i < count; i++)
			limit(groups[i], "tasks", "0");
	}
	long pid = syscall(SYS_clone3, &args, sizeof args);
	must(pid >= 0, "clone3");
	if (pid == 0)
		child(argv[1]);
	int status;
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	for (size_t i = 0; i < count && !unified; i++) {
		char parent[200];
		snprintf(parent, sizeof parent, "%s/../tasks", groups[i]);
		write_to(parent, "0");
	}
	for (size_t i = 0; i < count; i++)
		must(rmdir(groups[i]) == 0, groups[i]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
