namespace Ulrl.Training;

/// <summary>The device that was asked for cannot be used: no provider, no driver, or no such device.</summary>
public class DeviceException : UlrlException
{
    /// <summary>Creates the error with its one-sentence message.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its one-sentence message and the exception behind it.</summary>
    public DeviceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
