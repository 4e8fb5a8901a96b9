package main
import "flag"
func listFlags(f *flag.FlagSet) {}
func listCommand(c *context, f *flag.FlagSet) (int, error) { return 1, nil }
func psFlags(f *flag.FlagSet) {}
func psCommand(c *context, f *flag.FlagSet) (int, error) { return 1, nil }
func updateFlags(f *flag.FlagSet) {}
func updateCommand(c *context, f *flag.FlagSet) (int, error) { return 1, nil }
func eventsFlags(f *flag.FlagSet) {}
func eventsCommand(c *context, f *flag.FlagSet) (int, error) { return 1, nil }
func specFlags(f *flag.FlagSet) {}
func specCommand(c *context, f *flag.FlagSet) (int, error) { return 1, nil }
func featuresCommand(c *context, f *flag.FlagSet) (int, error) { return 1, nil }
