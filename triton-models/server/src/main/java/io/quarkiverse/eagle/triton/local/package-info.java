/**
 * A Triton server with its Python backend as a process on this machine, installed from its Python package. For development and
 * tests; uses only the list of Python packages that the engine host needs.
 */
package io.quarkiverse.eagle.triton.local;
