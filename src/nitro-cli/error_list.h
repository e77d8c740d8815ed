/* SPDX-License-Identifier: Apache-2.0 */
/* The table of E-codes; the position is the exit code. Included by errors.h. */
#ifndef NITRO_CLI_ERROR_LIST_H
#define NITRO_CLI_ERROR_LIST_H

/* clang-format off */
#define CLI_ERROR_LIST(X) \
	X(00, UnspecifiedError, "Unspecified error", \
		"No code fits. Read the message that came with it.") \
	X(01, MissingArgument, "Missing mandatory argument", \
		"An option that the command cannot do without was not given. `nitro-cli " \
		"<command> --help` lists them.") \
	X(02, ConflictingArgument, "Conflicting arguments", \
		"Two options or configuration keys exclude each other, cpu_count and cpu_ids " \
		"for example. Give one of them.") \
	X(03, InvalidArgument, "Invalid argument", \
		"The value of an option is not of the right form or out of range. The message " \
		"names the option and what it takes.") \
	X(04, SocketPairCreationFailure, "Socket pair creation failure", \
		"The system refused a pair of connected sockets, most likely because too many " \
		"files are open.") \
	X(05, ProcessSpawnFailure, "Process spawn failure", \
		"A process could not be started. The message names the program; check that it " \
		"is installed and that the process limit is not reached.") \
	X(06, DaemonizeProcessFailure, "Daemonize process failure", \
		"A process could not be put into the background.") \
	X(07, ReadFromDiskFailure, "Read from disk failure", \
		"A directory of the service could not be read. Check that the service runs " \
		"and that you may use it.") \
	X(08, UnusableConnectionError, "Unusable connection", \
		"A connection cannot be used for what was asked of it.") \
	X(09, SocketCloseError, "Socket close error", \
		"A connection could not be closed in an orderly way.") \
	X(10, SocketConnectTimeoutError, "Socket connect timeout", \
		"The other side of a connection did not answer in time.") \
	X(11, SocketError, "Socket error", \
		"The service or the enclave could not be reached. Check that redoubtd runs " \
		"and that the enclave's id is that of a live enclave (describe-enclaves).") \
	X(12, EpollError, "Epoll error", \
		"Waiting for events failed.") \
	X(13, InotifyError, "Inotify error", \
		"Watching a file failed.") \
	X(14, InvalidCommand, "Invalid command", \
		"The service does not know the command. Client and service may be of " \
		"different versions.") \
	X(15, LockAcquireFailure, "Lock acquire failure", \
		"A lock could not be taken.") \
	X(16, ThreadJoinFailure, "Thread join failure", \
		"A worker ended abnormally.") \
	X(17, SerdeError, "Serialization error", \
		"A message or a JSON file is not of the expected form. The message says " \
		"where.") \
	X(18, FilePermissionsError, "File permissions error", \
		"The permissions of a file could not be set.") \
	X(19, FileOperationFailure, "File operation failure", \
		"A file could not be opened, read or written. The message names it; check " \
		"that it exists, that you may use it, and that the disk is not full.") \
	X(20, InvalidCpuConfiguration, "Invalid CPU configuration", \
		"A CPU is listed twice in --cpu-ids.") \
	X(21, NoSuchCpuAvailableInPool, "No such CPU available in the pool", \
		"A CPU of --cpu-ids is not in the pool of CPUs that enclaves may use, or is " \
		"in use.") \
	X(22, InsufficientCpus, "Insufficient CPUs available", \
		"More CPUs were asked for than the pool has free. Ask for fewer, end an " \
		"enclave, or enlarge the pool.") \
	X(23, MalformedCpuId, "Malformed CPU ID", \
		"The CPU pool's configuration holds something that is not a CPU number.") \
	X(24, CpuError, "CPU error", \
		"The CPU pool's configuration holds a malformed interval.") \
	X(25, NoSuchHugepageFlag, "No such hugepage flag", \
		"A size of huge pages is not known.") \
	X(26, InsufficientMemoryRequested, "Insufficient memory requested", \
		"The enclave's memory is too small for its image. The message says how much " \
		"the image needs; give that to --memory, and what the application itself uses " \
		"on top.") \
	X(27, InsufficientMemoryAvailable, "Insufficient memory available", \
		"The memory pool has less free than was asked for. Ask for less, end an " \
		"enclave, or enlarge the pool.") \
	X(28, InvalidEnclaveFd, "Invalid enclave descriptor", \
		"The enclave's handle is not valid.") \
	X(29, IoctlFailure, "Operation on the enclave failed", \
		"The hypervisor's side refused an operation on the enclave. The message says " \
		"which and why.") \
	X(30, IoctlImageLoadInfoFailure, "Image load info failure", \
		"The hypervisor's side could not say where the image goes.") \
	X(31, IoctlSetMemoryRegionFailure, "Set memory region failure", \
		"Memory could not be given to the enclave.") \
	X(32, IoctlAddVcpuFailure, "Add vCPU failure", \
		"A CPU could not be given to the enclave.") \
	X(33, IoctlEnclaveStartFailure, "Enclave start failure", \
		"The enclave could not be started. The message says why.") \
	X(34, MemoryOverflow, "Memory overflow", \
		"A size or an offset in the image does not fit the enclave's memory.") \
	X(35, EifParsingError, "EIF parsing error", \
		"The file is not a valid enclave image, or is damaged. The message says what " \
		"is wrong; describe-eif shows what can be read. Build the image again.") \
	X(36, EnclaveBootFailure, "Enclave boot failure", \
		"The enclave did not come up. Start it with --debug-mode and read its " \
		"console.") \
	X(37, EnclaveEventWaitError, "Enclave event wait error", \
		"Waiting for an event of the enclave failed.") \
	X(38, EnclaveProcessCommandNotExecuted, "Enclave process command not executed", \
		"The enclave's process reported that it could not do what was asked.") \
	X(39, EnclaveProcessConnectionFailure, "Enclave process connection failure", \
		"The service ended the connection without an answer. Look into its log.") \
	X(40, SocketPathNotFound, "Socket path not found", \
		"The enclave's socket was not found.") \
	X(41, EnclaveProcessSendReplyFailure, "Enclave process send reply failure", \
		"The answer could not be sent.") \
	X(42, EnclaveMmapError, "Enclave mmap error", \
		"The enclave's memory could not be mapped.") \
	X(43, EnclaveMunmapError, "Enclave munmap error", \
		"The enclave's memory could not be unmapped.") \
	X(44, EnclaveConsoleConnectionFailure, "Enclave console connection failure", \
		"The console cannot be had: the enclave was not started with --debug-mode, or " \
		"has ended.") \
	X(45, EnclaveConsoleReadError, "Enclave console read error", \
		"Reading the console failed.") \
	X(46, EnclaveConsoleWriteOutputError, "Enclave console write output error", \
		"The console's bytes could not be written to standard output.") \
	X(47, IntegerParsingError, "Integer parsing error", \
		"A number is not of the right form or too large.") \
	X(48, EifBuildingError, "EIF building error", \
		"The image could not be built. The message names the part: blobs, container " \
		"image or its configuration.") \
	X(49, DockerImageBuildError, "Docker image build error", \
		"The Dockerfile did not build. The builder's own output stands above.") \
	X(50, DockerImagePullError, "Docker image pull error", \
		"The container image could not be had. Check its name, the engine and your " \
		"credentials.") \
	X(51, ArtifactsPathNotSet, "Artifacts path not set", \
		"There is no directory for temporary files. Set NITRO_CLI_ARTIFACTS.") \
	X(52, BlobsPathNotSet, "Blobs path not set", \
		"No blobs directory (kernel, init) was found. Set NITRO_CLI_BLOBS, or run " \
		"`make kernel` and install.") \
	X(53, ClockSkewError, "Clock skew error", \
		"The clock ran backwards.") \
	X(54, SignalMaskingError, "Signal masking error", \
		"Signals could not be masked.") \
	X(55, SignalUnmaskingError, "Signal unmasking error", \
		"Signals could not be unmasked.") \
	X(56, LoggerError, "Logger error", \
		"The log could not be set up.") \
	X(57, HasherError, "Hasher error", \
		"A measurement could not be computed. The message names the input.") \
	X(58, EnclaveNamingError, "Enclave naming error", \
		"--enclave-name fits no enclave, or more than one. Use --enclave-id; " \
		"describe-enclaves lists both.") \
	X(59, EIFSignatureCheckerError, "EIF signature check failure", \
		"The image's signature does not hold, or its certificate is outside its " \
		"validity. Sign the image again (sign-eif).") \
	X(60, EIFSigningError, "EIF signing error", \
		"The image could not be signed. Check that key and certificate are PEM files, " \
		"readable, and belong together.")
/* clang-format on */

#endif
