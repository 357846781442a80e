/** What every page that the command line writes needs. Uses nothing of the project. */
package io.quarkiverse.eagle.cli.page;
